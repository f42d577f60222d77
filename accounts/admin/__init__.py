"""What IT sees and mends in /quan-tri/. Nobody sees or sets a password, and no phone is changed."""

# What these register is taken away below.
import django.contrib.auth.admin  # noqa: F401
import django_otp.plugins.otp_static.admin
import django_otp.plugins.otp_totp.admin  # noqa: F401
import procrastinate.contrib.django.admin  # noqa: F401
from django.contrib import admin
from django.contrib.auth.models import Group
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.admin import accounts, audit, ceilings, factor_demands, login_notices, units, upkeep  # noqa: F401  (register)

# Rights belong to roles, which are not handed out here; nor are the secrets of second factors.
# How tasks fare is shown by our own page.
admin.site.unregister([Group, TOTPDevice, StaticDevice, ProcrastinateJob])
