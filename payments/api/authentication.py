from rest_framework.authentication import BaseAuthentication


class WalletCredential(BaseAuthentication): ...
