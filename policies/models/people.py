from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _
from django_countries.fields import CountryField


class Customer(models.Model):
    """A person who bought a code or holds a policy.

    The same e-mail, name and country are the same person. A stranger who only knows an
    e-mail address therefore never changes what the house has on file about its owner.
    """

    name = models.CharField(_("name"), max_length=120)
    email = models.EmailField(_("e-mail"), max_length=254)
    phone = models.CharField(_("phone"), max_length=40, blank=True)
    country = CountryField(_("country"))
    created_at = models.DateTimeField(_("known since"))

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(email=Lower("email")),
                name="customer_email_lower_case",
                violation_error_message=_("Store e-mail addresses in lower case."),
            ),
            models.CheckConstraint(
                condition=~Q(email="") & ~Q(name=""), name="customer_has_name_and_email"
            ),
            models.UniqueConstraint(
                "email",
                Lower("name"),
                "country",
                name="customer_once",
                violation_error_message=_("This customer is already on file."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"
