"""Number formats of sheets: what they add is shown, and what is not understood leaves the plain value."""

import pytest

from ingest.documents.readers.office.number_formats import show_number

THOUSANDS = '[>=1000000]$0.0,,"M";[>=1000]$0.0,"k";$0'
TELEPHONE = "[<=9999999]###-####;(###) ###-####"


@pytest.mark.parametrize(
    ("code", "value", "shown"),
    [
        # Conditions
        ('[>=1000]$0.0,"k";$0', 5, "$5"),
        (THOUSANDS, 420, "$420"),
        (THOUSANDS, 4200, "$4.2k"),
        (THOUSANDS, 4_200_000, "$4.2M"),
        ('[=1]"Yes";[=0]"No";General', 3, None),
        ('[=1]"Yes";[=0]"No";General', 0, "No"),
        ('[<1]0.0%;0" x"', 2, "2 x"),
        ('[<1]0.0%;0" x"', 0.5, "50.0%"),
        ('[>5]0" x"', 3, None),
        ('[>5]0" x";0" y"', -3, None),
        ('[>5]0" x";0" y";0" z"', 3, None),
        ('[>five]0" x";0" y"', 3, None),
        (TELEPHONE, 5551234, "555-1234"),
        (TELEPHONE, 5035551234, "(503) 555-1234"),
        # Fractions
        ('# ?/?\\"', 0.75, None),
        ('# ?/? "in"', 0.5, None),
        ('# ?/8 "in"', 0.5, None),
        ('$0/"night"', 42, "$42/night"),
        # Digits in several parts
        ('"A"00\\.000', 12345, "A12.345"),
        ("000-00-0000", 123456789, "123-45-6789"),
        ("000-00-0000", 1234, "000-00-1234"),
        ("###-####", 51, None),
        ('### ##0.00 "kg"', 1234.5, "1 234.50 kg"),
        ('0.0 0.0 "kg"', 1234.5, None),
        ('0."00"', 5, "5.00"),
        ("€ #,##0.-", 1234, "€ 1,234.-"),
        # Zeros before a number
        ("00000", 1234, "01234"),
        ('"EMP"00000', -7, "-EMP00007"),
        ('0,000" x"', 5, "0,005 x"),
        ("00", 12.7, None),
        # Thousands, signs, and text
        ('0,.0"k"', 1500, "1.5k"),
        ('0" x";@', -5, "-5 x"),
        ('_("$"* #,##0.00_);_("$"* (#,##0.00);_("$"* "-"??_);_(@_)', -5, "$(5.00)"),
        ("#,##0.00", 1234, None),
        ('0"' + "x" * 200 + '";-0', 5, None),
    ],
)
def test_a_number_is_shown_as_its_format_shows_it_or_plainly(code: str, value: float, shown: str | None) -> None:
    assert show_number(value, code) == shown
