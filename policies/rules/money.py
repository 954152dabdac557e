"""Amounts of money: how many decimals a currency has, and how an amount is shown."""

from decimal import Decimal

from django.utils.formats import number_format
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from policies.rules.text import Text

# ISO 4217: the currencies in use without two decimals. (CLF and UYW, units of account with four,
# are left out.)
DECIMALS = {
    **dict.fromkeys(
        "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0
    ),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
}
# ISO 4217: the codes of money that people pay with (no funds, metals or units of account).
CURRENCIES = frozenset(
    """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD
    CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS
    GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW
    KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR
    MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR
    SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX
    USD UYU UZS VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
    """.split()
)
# What the columns of amounts hold: the third decimal of a dinar could not be stored.
PLACES = 2


def is_currency(code: str) -> bool:
    """Whether there is such a currency; `code` is in capitals."""
    return code in CURRENCIES


def decimals(currency: str) -> int:
    """How many decimals the currency has (ISO 4217); `currency` is its code, in capitals."""
    return DECIMALS.get(currency, 2)


def fits(amount: Decimal, currency: str) -> bool:
    """Whether the amount can be paid in the currency, and stored in full."""
    return amount == round(amount, _places(currency))


def _places(currency: str) -> int:
    return min(decimals(currency), PLACES)


def misfit(currency: str) -> Text:
    """The sentence about an amount that does not fit its currency."""
    count = _places(currency)
    if count == 0:
        return format_lazy(_("An amount in {currency} has no decimals."), currency=currency)
    return format_lazy(
        _("An amount in {currency} has at most {count} decimals."), currency=currency, count=count
    )


def shown(amount: Decimal | str, currency: str) -> str:
    """`1299` and `USD` give "USD 1,299.00", with a space that does not break."""
    return f"{currency}\N{NO-BREAK SPACE}{figure(amount, currency)}"


def figure(amount: Decimal | str, currency: str) -> str:
    """The same without the currency, for a table that names it once."""
    amount = Decimal(amount)
    # An older amount that does not fit is shown with all it has: rounding would hide it.
    places = decimals(currency) if fits(amount, currency) else PLACES
    return number_format(amount, places, force_grouping=True)
