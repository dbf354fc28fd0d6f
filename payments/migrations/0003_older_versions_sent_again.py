from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('payments', '0002_deliveries_sequences_layouts'),
    ]

    operations = [
        migrations.AlterField(
            model_name='delivery',
            name='result',
            field=models.CharField(choices=[('new', 'new'), ('resent', 'sent again, unchanged'), ('new_version', 'new version'), ('old_version', 'an older version again; the later one still counts')], max_length=12, verbose_name='result'),
        ),
    ]
