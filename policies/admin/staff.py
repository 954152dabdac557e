"""Staff and their roles: Django's own pages, with tick boxes in place of its two-column chooser."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import ManyToManyField
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from policies.backoffice.history_pages import LoggedAdmin

admin.site.unregister([User, Group])


@admin.register(User)
class StaffAdmin(LoggedAdmin, UserAdmin):  # type: ignore[type-arg]
    # What somebody may do comes from their role, so that it can be told from the role.
    fieldsets = (
        (None, {"fields": ("username", "password_link")}),
        (_("Personal info"), {"fields": ("first_name", "last_name", "email")}),
        (_("Permissions"), {"fields": ("is_active", "is_staff", "is_superuser", "groups")}),
        (_("Important dates"), {"fields": ("last_login", "date_joined")}),
    )
    readonly_fields = ("password_link", "last_login", "date_joined")
    filter_horizontal = ()
    formfield_overrides = {ManyToManyField: {"widget": forms.CheckboxSelectMultiple}}

    @admin.display(description=_("password"))
    def password_link(self, user: User) -> str:
        """Without what Django shows of the hash: nobody can use it."""
        address = reverse("admin:auth_user_password_change", args=[user.pk])
        return format_html('<a href="{}">{}</a>', address, _("Set a new one"))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Django's log goes with its user. Who has left is made inactive.
        return False


@admin.register(Group)
class RoleAdmin(LoggedAdmin, GroupAdmin):
    filter_horizontal = ()
    formfield_overrides = {ManyToManyField: {"widget": forms.CheckboxSelectMultiple}}
