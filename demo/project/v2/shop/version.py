"""The visitor of version 2."""

from django.utils import timezone

from shop.models import Coupon, Product
from shop.visitors import Visitor


class VersionVisitor(Visitor):
    """Writes the columns that version 2 has, and its new table."""

    actions = (*Visitor.actions, "restock", "use_coupon")

    def product_values(self):
        values = super().product_values()
        values["name"] += ", with a name longer than what version 1 had room for"
        values["released"] = timezone.now().date()
        if self.number % 2:
            values["stock"] = values["weight"] = self.number
        return values

    def restock(self):
        """Update the new column of a row that either version wrote."""
        oldest = Product.objects.order_by("pk").first()
        Product.objects.filter(pk=oldest.pk).update(stock=self.number)

    def use_coupon(self):
        """Insert into the new table and delete from it."""
        coupon = Coupon.objects.create(code=f"{self.name}-{self.number}", percent=10)
        Coupon.objects.filter(percent__gte=10).count()
        coupon.delete()
