"""Customers, and how they are found by name."""

from django.db import models
from django.db.models import F, Func, Index, Q, Value
from django.db.models.functions import Lower, Replace, Upper
from django.utils.translation import gettext_lazy as _
from django_countries.fields import CountryField


def family_name() -> Func:
    """SQL: the last word of a name in upper case, in words that both databases have.

    What is not a space is trimmed off the end; what then remains is the beginning.
    """
    letters = Replace(F("name"), Value(" "), Value(""))
    beginning = Func(F("name"), letters, function="RTRIM", arity=2)
    return Upper(Func(F("name"), beginning, Value(""), function="REPLACE"))


class CustomerQuerySet(models.QuerySet["Customer"]):
    def named(self, name: str) -> "CustomerQuerySet":
        """By the whole name, or by its last word; upper and lower case are one."""
        same = Upper(Value(name))
        names = self.alias(whole_name=Upper("name"), family_name=family_name())
        return names.filter(Q(whole_name=same) | Q(family_name=same))


class Customer(models.Model):
    """A person who bought a code or holds a policy.

    The same e-mail, name and country are the same person. A stranger who only knows an
    e-mail address therefore never changes what is on file about its owner.
    """

    name = models.CharField(_("name"), max_length=120)
    email = models.EmailField(_("e-mail"), max_length=254)
    phone = models.CharField(_("phone"), max_length=40, blank=True)
    country = CountryField(_("country"))
    created_at = models.DateTimeField(_("known since"))

    objects = CustomerQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            Index(Upper("name"), name="customer_name_idx"),
            Index(family_name(), name="customer_family_name_idx"),
        ]
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
