"""Settings, top to bottom in one file.

With nothing set, the portal runs on SQLite with the Celery worker inside the web
process. DATABASE_URL moves it to PostgreSQL and REDIS_URL to a broker and separate
workers; nothing else has to change. .env.example lists every variable.
"""

import secrets
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
if (BASE_DIR / ".env").is_file():
    environ.Env.read_env(BASE_DIR / ".env")


def flag(name: str, *, default: bool) -> bool:
    """Return a yes-or-no variable; refuse anything else.

    django-environ reads a misspelt word as False, which would switch a safety off
    in silence.
    """
    value = env.str(name, default="yes" if default else "no").strip().lower()
    if value in {"1", "yes", "true", "on"}:
        return True
    if value in {"0", "no", "false", "off", ""}:
        return False
    raise ImproperlyConfigured(f"{name} must be yes or no, not {value!r}.")


DEMO = flag("ONESTILE_DEMO", default=False)
DEBUG = flag("DEBUG", default=False)

# --- where data lies: the SQLite file, settlement files by hash, reports
VAR_DIR = Path(env.str("ONESTILE_VAR", default=str(BASE_DIR / "var"))).resolve()
VAR_DIR.mkdir(parents=True, exist_ok=True)
FILES_DIR = VAR_DIR / "files"


def secret_key() -> str:
    """Return SECRET_KEY, or one made once and kept in the data folder."""
    if given := env.str("SECRET_KEY", default=""):
        return given
    kept = VAR_DIR / "secret_key"
    if not kept.is_file():
        kept.write_text(secrets.token_urlsafe(60))
        kept.chmod(0o600)
    return kept.read_text().strip()


SECRET_KEY = secret_key()
# What encrypts stored secrets of partners; the newest first, old ones behind it.
ENCRYPTION_KEYS = env.list("ENCRYPTION_KEYS", default=[SECRET_KEY])

# --- the site's own address; everything about hosts follows from it
SITE_URL = env.str("SITE_URL", default="http://127.0.0.1:8000").rstrip("/")
_site = urlsplit(SITE_URL)
ALLOWED_HOSTS = env.list(
    "ALLOWED_HOSTS", default=[_site.hostname or "127.0.0.1", "127.0.0.1", "localhost"]
)
CSRF_TRUSTED_ORIGINS = [SITE_URL]
SECURE = _site.scheme == "https"

# The address printed on stickers is a setting of its own: a sticker outlives the
# web domain of the portal. https outside the demo (a system check refuses else).
QR_BASE_URL = env.str("QR_BASE_URL", default=SITE_URL).rstrip("/")

INSTALLED_APPS = [
    "portal.apps.PortalConfig",
    "payments.apps.PaymentsConfig",
    "merchants.apps.MerchantsConfig",
    "wallets.apps.WalletsConfig",
    "portal.core.apps.CoreConfig",
    "portal.core.apps.OnestileAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.forms",
    "allauth",
    "allauth.account",
    "rest_framework",
    "django_htmx",
    "csp",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "portal.core.http.RequestIdMiddleware",
]

ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.core.http.site",
            ],
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

# --- database: SQLite unless DATABASE_URL names another
DATABASES = {
    "default": env.db_url(
        "DATABASE_URL", default=f"sqlite:///{quote(str(VAR_DIR))}/onestile.sqlite3"
    )
}
_database = DATABASES["default"]
if _database["ENGINE"] == "django.db.backends.sqlite3":
    # IMMEDIATE takes the write lock at the start, so that two writers queue instead
    # of failing half-way; WAL lets readers go on while one writes.
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; "
        "PRAGMA cache_size=-64000; PRAGMA temp_store=MEMORY;",
    }
else:
    _database["CONN_MAX_AGE"] = 60
    _database["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Celery: in-process memory broker unless REDIS_URL is set
REDIS_URL = env.str("REDIS_URL", default="")
CELERY_BROKER_URL = REDIS_URL or "memory://localhost/"
CELERY_TASK_IGNORE_RESULT = True  # state lives in rows, never in a result backend
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = False  # rows are re-sent by the tick, not by the broker
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_REDIRECT_STDOUTS = False
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TIMEZONE = "UTC"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = (
    # A silent broker must never hold a web request; and a killed worker's message
    # comes back in seconds instead of the 100 s of the defaults.
    {
        "socket_timeout": 2,
        "socket_connect_timeout": 2,
        "visibility_timeout": 900,
        "unacked_restore_interval": 2,
        "unacked_restore_throttle": 1,
    }
    if REDIS_URL
    else {"polling_interval": 0.05}
)


def cache_url(broker: str) -> str:
    """Return where the cache lies: beside the broker, in the next of the server's databases.

    Emptying the cache empties its database, which must not be the one with the messages. An
    address that names its database in another way than by a number stays as it is.
    """
    parts = urlsplit(broker)
    query = dict(parse_qsl(parts.query))
    by_socket = parts.scheme in {"unix", "redis+socket"}
    if by_socket:
        # Celery's own way of writing a socket is not known to the cache.
        named = query.pop("virtual_host", query.get("db", "0"))
    elif parts.scheme in {"redis", "rediss"}:
        named = query.get("db") or parts.path.strip("/") or "0"
    else:
        return broker
    if not named.isdecimal():
        return broker
    # A server has sixteen unless told otherwise.
    number = str(int(named) + 1 if int(named) < 15 else int(named) - 1)
    if by_socket:
        return f"unix://{parts.netloc}{parts.path}?{urlencode(query | {'db': number})}"
    if "db" in query:
        return parts._replace(query=urlencode(query | {"db": number})).geturl()
    return parts._replace(path=f"/{number}").geturl()


CACHES = {
    "default": (
        {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": cache_url(REDIS_URL),
        }
        if REDIS_URL
        else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    )
}

# --- people
AUTH_USER_MODEL = "core.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "home"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_CHANGE = True
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_RATE_LIMITS = {"confirm_email": "3/10m/key"}
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_EMAIL_SUBJECT_PREFIX = "Onestile: "
ACCOUNT_ADAPTER = "portal.core.forms.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "portal.core.forms.LoginForm",
    "signup": "portal.core.forms.SignupForm",
    "reset_password": "portal.core.forms.ResetPasswordForm",
    "confirm_email_verification_code": "portal.core.forms.ConfirmEmailVerificationCodeForm",
}
SESSION_COOKIE_AGE = 12 * 3600

# --- mail: kept for the demo's mail page unless EMAIL_URL says how to send
EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
if DEMO:
    EMAIL_BACKEND = "portal.demo.mail.OutboxBackend"
elif env.str("EMAIL_URL", default=""):
    vars().update(env.email_url("EMAIL_URL"))
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="Onestile <portal@onestile.example>")

# --- words and numbers
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English")]
LOCALE_PATHS = [BASE_DIR / "templates" / "locale"]
USE_I18N = True
TIME_ZONE = "UTC"
USE_TZ = True

# --- static files
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = VAR_DIR / "static"
STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # WhiteNoise warns of a missing folder
WHITENOISE_USE_FINDERS = True
WHITENOISE_MANIFEST_STRICT = False

# --- what a browser may do
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "object-src": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = SECURE
CSRF_COOKIE_SECURE = SECURE
SECURE_SSL_REDIRECT = SECURE
SECURE_HSTS_SECONDS = 63_072_000 if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE
SECURE_HSTS_PRELOAD = SECURE
if proxy := env.str("TRUSTED_PROXY_HEADER", default=""):
    SECURE_PROXY_SSL_HEADER = (proxy, "https")
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440

# --- the API
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["payments.api.authentication.WalletCredential"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "EXCEPTION_HANDLER": "payments.api.problems.problem_json",
    "UNAUTHENTICATED_USER": None,
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", default="WARNING")},
}
SILENCED_SYSTEM_CHECKS: list[str] = []
