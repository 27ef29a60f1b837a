"""The check digits of national id numbers; each takes a number without separators, in upper case.

As the issuers publish them; a number of another length or alphabet was sorted out by its form.
"""

_LETTERS_ES = "TRWAGMYFPDXBNJZSQVHLCKE"
_LETTERS_FI = "0123456789ABCDEFHJKLMNPRSTUVWXY"
_LETTERS_IE = "WABCDEFGHIJKLMNOPQRSTUV"
_ODD_IT = dict(
    zip(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        (
            *(1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20),
            *(11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23),
        ),
        strict=True,
    )
)
_ALPHABET_MX = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ"
_VERHOEFF_D = (
    *("0123456789", "1234067895", "2340178956", "3401289567", "4012395678"),
    *("5987604321", "6598710432", "7659821043", "8765932104", "9876543210"),
)
_VERHOEFF_P = (
    *("0123456789", "1576283094", "5803796142", "8916043527"),
    *("9453126870", "4286573901", "2793806415", "7046913258"),
)


def is_date(day: str, month: str) -> bool:
    """Whether two pairs of digits may be a day and a month."""
    return 1 <= int(day) <= 31 and 1 <= int(month) <= 12


def us(number: str) -> bool:
    """SSN: no area 000, 666; ITIN: areas from 900 with groups 50 to 99."""
    area, group, serial = number[:3], number[3:5], number[5:]
    if area in {"000", "666"} or group == "00" or serial == "0000":
        return False
    return area < "900" or group >= "50"


def gb(number: str) -> bool:
    """National Insurance number: prefixes that are never given out; NHS number: modulus 11."""
    if number.isdigit():
        return weighted(number[:9], range(10, 1, -1)) % 11 == (11 - int(number[9])) % 11
    return number[:2] not in {"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"}


def de(number: str) -> bool:
    """Steuer-Identifikationsnummer: ISO 7064 mod 11,10, one digit twice or thrice."""
    if len(number) == 12:
        return _de_pension(number)
    often = max(number[:10].count(digit) for digit in number[:10])
    if often not in (2, 3) or len(set(number[:10])) not in (8, 9):
        return False
    product = 10
    for digit in number[:10]:
        total = (int(digit) + product) % 10 or 10
        product = total * 2 % 11
    return (11 - product) % 10 == int(number[10])


def _de_pension(number: str) -> bool:
    """Versicherungsnummer: the letter as two digits, cross sums of weighted digits, modulus 10."""
    digits = number[:8] + f"{ord(number[8]) - 64:02}" + number[9:11]
    weights = (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1)
    products = (int(digit) * weight for digit, weight in zip(digits, weights, strict=True))
    is_born = int(number[2:4]) % 50 <= 31 and 1 <= int(number[4:6]) <= 12
    return is_born and sum(item // 10 + item % 10 for item in products) % 10 == int(number[11])


def fr(number: str) -> bool:
    """NIR: its key is 97 less the rest by 97; Corsica's 2A and 2B count as 19 and 18."""
    body = number[:13].replace("2A", "19").replace("2B", "18")
    return body.isdigit() and 97 - int(body) % 97 == int(number[13:])


def es(number: str) -> bool:
    """DNI and NIE: the letter is the rest by 23; X, Y, Z count as 0, 1, 2."""
    body = str("XYZ".find(number[0])) + number[1:8] if number[0] in "XYZ" else number[:8]
    return _LETTERS_ES[int(body) % 23] == number[8]


def it(number: str) -> bool:
    """Codice fiscale: odd places by a table, even ones by their value, modulus 26."""
    total = sum(
        _ODD_IT[char] if index % 2 == 0 else int(char, 36) - (0 if char.isdigit() else 10)
        for index, char in enumerate(number[:15])
    )
    return chr(65 + total % 26) == number[15]


def nl(number: str) -> bool:
    """BSN: the eleven-test."""
    total = weighted(number[:8], range(9, 1, -1)) - int(number[8])
    return total % 11 == 0 and number != "000000000"


def pl(number: str) -> bool:
    """PESEL: weights 1 3 7 9; the century stands in the month."""
    weights = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)
    month = f"{int(number[2:4]) % 20:02}"
    return is_date(number[4:6], month) and weighted(number, weights) % 10 == 0


def se(number: str) -> bool:
    """Personnummer: Luhn over the ten digits; coordination numbers add 60 to the day."""
    short = number[-10:]
    day = int(short[4:6])
    is_born = is_date(f"{day - 60 if day > 60 else day:02}", short[2:4])
    products = (int(digit) * (2 - index % 2) for index, digit in enumerate(short))
    return is_born and sum(item // 10 + item % 10 for item in products) % 10 == 0


def br(number: str) -> bool:
    """CPF: two check digits, modulus 11; eleven times the same digit is none."""
    first = weighted(number[:9], range(10, 1, -1)) * 10 % 11 % 10
    second = weighted(number[:10], range(11, 1, -1)) * 10 % 11 % 10
    return f"{first}{second}" == number[9:] and len(set(number)) > 1


def in_(number: str) -> bool:
    """Aadhaar: Verhoeff."""
    check = 0
    for index, digit in enumerate(reversed(number)):
        check = int(_VERHOEFF_D[check][int(_VERHOEFF_P[index % 8][int(digit)])])
    return check == 0


def be(number: str) -> bool:
    """Rijksregisternummer: modulus 97, from 2000 on with a 2 before it."""
    body, key = number[:9], int(number[9:])
    is_born = int(number[2:4]) % 20 <= 12 and int(number[4:6]) <= 31
    return is_born and key in {97 - int(body) % 97, 97 - int("2" + body) % 97}


def ch(number: str) -> bool:
    """AHV number: EAN-13."""
    return weighted(number, (1, 3) * 6 + (1,)) % 10 == 0


def at(number: str) -> bool:
    """Sozialversicherungsnummer: the fourth digit, modulus 11; the last six are a birthday."""
    total = weighted(number[:3] + number[4:], (3, 7, 9, 5, 8, 4, 2, 1, 6))
    return is_date(number[4:6], number[6:8]) and total % 11 == int(number[3])


def fi(number: str) -> bool:
    """Henkilötunnus: modulus 31; the sign of the century does not count."""
    digits = number[:6] + number[-4:-1]
    is_born = is_date(number[:2], number[2:4])
    return is_born and _LETTERS_FI[int(digits) % 31] == number[-1]


def dk(number: str) -> bool:
    """CPR number: a birthday; since 2007 it has no check digit."""
    return is_date(number[:2], number[2:4])


def no(number: str) -> bool:
    """Fødselsnummer: two check digits, modulus 11; D numbers add 40 to the day."""
    day = int(number[:2])
    is_born = is_date(f"{day - 40 if day > 40 else day:02}", number[2:4])
    first = weighted(number[:10], (3, 7, 6, 1, 8, 9, 4, 5, 2, 1)) % 11
    second = weighted(number, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)) % 11
    return is_born and first == second == 0


def ca(number: str) -> bool:
    """SIN: Luhn; none begins with 8."""
    products = (int(digit) * (1 + index % 2) for index, digit in enumerate(number))
    return number[0] != "8" and sum(map(_cross_sum, products)) % 10 == 0


def au(number: str) -> bool:
    """TFN: modulus 11."""
    return weighted(number, (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0


def za(number: str) -> bool:
    """ID number: Luhn, a birthday, and who is a citizen."""
    products = (int(digit) * (1 + index % 2) for index, digit in enumerate(reversed(number)))
    is_born = is_date(number[4:6], number[2:4]) and number[10] in "012"
    return is_born and sum(map(_cross_sum, products)) % 10 == 0


def cn(number: str) -> bool:
    """Resident identity number: ISO 7064 mod 11-2."""
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    is_born = is_date(number[12:14], number[10:12]) and number[6:8] in {"18", "19", "20"}
    return is_born and "10X98765432"[weighted(number[:17], weights) % 11] == number[17]


def kr(number: str) -> bool:
    """Resident registration number: a birthday; those given out since 2020 have no check digit."""
    return is_date(number[4:6], number[2:4])


def pt(number: str) -> bool:
    """NIF: modulus 11."""
    rest = weighted(number[:8], range(9, 1, -1)) % 11
    return (0 if rest < 2 else 11 - rest) == int(number[8])


def ie(number: str) -> bool:
    """PPS number: modulus 23; a second letter counts nine times."""
    more = 9 * (ord(number[8]) - 64) if len(number) == 9 else 0
    return _LETTERS_IE[(weighted(number[:7], range(8, 1, -1)) + more) % 23] == number[7]


def sg(number: str) -> bool:
    """NRIC and FIN: weights 2 7 6 5 4 3 2; T and G add 4, M adds 3."""
    total = weighted(number[1:8], (2, 7, 6, 5, 4, 3, 2))
    if number[0] == "M":
        return "KLJNPQRTUWX"[10 - (total + 3) % 11] == number[8]
    letters = "JZIHGFEDCBA" if number[0] in "ST" else "XWUTRQPNMLK"
    return letters[(total + (4 if number[0] in "TG" else 0)) % 11] == number[8]


def mx(number: str) -> bool:
    """CURP: places by 18 down to 2, modulus 10."""
    total = sum(_ALPHABET_MX.index(char) * (18 - index) for index, char in enumerate(number[:17]))
    return is_date(number[8:10], number[6:8]) and (10 - total % 10) % 10 == int(number[17])


def weighted(digits: str, weights: tuple[int, ...] | range) -> int:
    """The sum of each digit times its weight."""
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True))


def _cross_sum(value: int) -> int:
    return value // 10 + value % 10
