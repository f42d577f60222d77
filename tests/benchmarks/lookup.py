"""Measures the hotline's look-up over a million accounts. Run it by hand:

    python -m tests.benchmarks.lookup

It uses a test database of its own, which takes about 1 GB of disk while it runs.
"""

import statistics
import time

from tests.support.environment import own_database

ACCOUNTS = 1_000_000
LONGEST = 50  # milliseconds to the first result
RUNS = 9

# Four in ten people are Nguyễn; one in a thousand has a name that few have.
FILL = f"""
INSERT INTO accounts_unit (id, name, code) SELECT n, 'Đơn vị số ' || n, 'DV' || n
FROM generate_series(1, 2000) AS n;
INSERT INTO accounts_account (password, is_superuser, address, full_name, kind, unit_id, phone,
    phone_confirmed_at, new_phone, old_phone, has_default_password, is_active, is_staff, created_at)
SELECT repeat('x', 110), false, 'nguoi.so' || n || '@hagiang.gov.vn',
    (ARRAY['Nguyễn', 'Nguyễn', 'Nguyễn', 'Nguyễn', 'Trần', 'Lê', 'Phạm', 'Vàng', 'Sùng', 'Lý'])
        [1 + floor(random() * 10)]
    || ' ' || (ARRAY['Văn', 'Thị', 'Đức', 'Minh', 'Ngọc', 'Mí'])[1 + floor(random() * 6)]
    || ' ' || (ARRAY['An', 'Bình', 'Chi', 'Dũng', 'Hà', 'Hương', 'Khoa', 'Lan', 'Mai', 'Yến'])
        [1 + floor(random() * 10)]
    || CASE WHEN n % 1000 = 0 THEN ' Xuyến' || n ELSE '' END,
    'person', n % 2000 + 1, '+849' || lpad(floor(random() * 1e8)::bigint::text, 8, '0'), now(),
    '', '', false, true, false, now()
FROM generate_series(1, {ACCOUNTS}) AS n;
ANALYZE;
"""

LOOK_UPS = {
    "whole address": ("nguoi.so999999@hagiang.gov.vn", ""),
    "bare name": ("nguoi.so500000", ""),
    "beginning of an address": ("nguoi.so99999", ""),
    "address nobody has": ("khong.co@hagiang.gov.vn", ""),
    "commonest name": ("nguyen", ""),
    "the same with accents": ("Nguyễn", ""),
    "common names in full": ("nguyen van an", ""),
    "rare name": ("xuyen5000", ""),
    "rare and common": ("nguyen xuyen5000", ""),
    "beginning of a rare name": ("xuyen99", ""),
    "name nobody has": ("zzz", ""),
    "names nobody has together": ("ly ly ly", ""),
    "four digits": ("4321", ""),
    "whole number": ("0912345678", ""),
    "unit": ("", "DV77"),
    "name in a unit": ("nguyen van an", "DV77"),
}


def main():
    with own_database():
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(FILL)
        measure()


def measure():
    from accounts.hotline.search import find
    from tests.support import cast

    mai = cast.make_staff("mai", "hotline")
    slow = 0
    for what, (words, unit) in LOOK_UPS.items():
        times = []
        for _ in range(RUNS):
            began = time.perf_counter()
            found = find(mai, words, unit)
            times.append((time.perf_counter() - began) * 1000)
        middle = statistics.median(times)
        slow += middle > LONGEST
        verdict = "ok" if middle <= LONGEST else "SLOW"
        print(f"{what:28} {middle:7.1f} ms  max {max(times):7.1f}  {len(found.people):2} {verdict}")
    print(f"{slow} of {len(LOOK_UPS)} look-ups are slower than {LONGEST} ms")


if __name__ == "__main__":
    main()
