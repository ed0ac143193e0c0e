"""What the customers and the staff of the shop do, with the models of any version."""

from collections import deque
from decimal import Decimal

from django.apps import apps
from django.db.models import Count, F, Sum

from shop.models import Customer, Order, Product, Tag


class Visitor:
    """
    Reads, writes and deletes rows, one action after the other.

    It updates the rows of every visitor, and deletes only its own.
    """

    actions = (
        "list_product",
        "register",
        "browse",
        "tag",
        "order",
        "reprice",
        "change_price_of_latest",
        "report",
        "cancel",
        "retire",
    )
    kept_products = 5

    def __init__(self, name):
        self.name = name
        self.number = 0
        self.products = deque()
        self.rows_of_others = 0

    def product_values(self):
        """Return the values of a new product."""
        return {"name": f"{self.name}-{self.number}", "price": Decimal("9.90")}

    def list_product(self):
        """Insert a row with each column that the models have."""
        self.number += 1
        self.products.append(Product.objects.create(**self.product_values()))

    def register(self):
        """Update a row, or insert it."""
        self.customer, _ = Customer.objects.update_or_create(
            email=f"{self.name}@example.com", defaults={"name": f"{self.number} visits"}
        )

    def browse(self):
        """Read every column of every table, those of relations too."""
        for model in apps.get_app_config("shop").get_models(include_auto_created=True):
            list(model._default_manager.all())
        list(Order.objects.select_related("customer", "product"))
        products = Product.objects.exclude(name__startswith=f"{self.name}-")
        self.rows_of_others += len(products.prefetch_related("tags"))

    def tag(self):
        """Add, replace and clear the rows of a many-to-many relation."""
        new, _ = Tag.objects.get_or_create(label="new")
        sale, _ = Tag.objects.get_or_create(label="sale")
        tags = self.products[-1].tags
        tags.add(new)
        tags.set([sale])
        self.products[0].tags.clear()

    def order(self):
        """Insert several rows at once."""
        Order.objects.bulk_create(
            Order(customer=self.customer, product=product, quantity=1 + i)
            for i, product in enumerate(self.products)
        )

    def reprice(self):
        """Save a whole row that was read before."""
        product = Product.objects.get(pk=self.products[0].pk)
        product.price += 1
        product.save()
        product.refresh_from_db()

    def change_price_of_latest(self):
        """Update a row that may belong to another visitor."""
        latest = Product.objects.order_by("-pk").first()
        if latest is not None:
            Product.objects.filter(pk=latest.pk).update(price=F("price") + 1)

    def report(self):
        """Aggregate over a join."""
        orders = Order.objects.values("product__name")
        list(orders.annotate(lines=Count("pk"), total=Sum("quantity")))

    def cancel(self):
        """Delete rows by a query."""
        Order.objects.filter(customer=self.customer, quantity__gt=2).delete()

    def retire(self):
        """Delete a row with all that refers to it."""
        if len(self.products) > self.kept_products:
            self.products.popleft().delete()
