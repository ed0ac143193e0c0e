from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("shop", "0002_product_stock")]

    operations = [
        migrations.RemoveField(model_name="product", name="shelf"),
        migrations.AlterField(
            model_name="product",
            name="weight",
            field=models.IntegerField(default=0),
        ),
    ]
