"""Which of many places' logins images are tried with."""

from refresher.core import Login
from refresher.tally import Tally

from tests.refresher.fakes import FRANKFURT, FRANKFURT_OTHER_ACCOUNT, LIFE, NOW, VIRGINIA


def login(password: str, *hosts: str) -> Login:
    return Login(hosts or (FRANKFURT,), "AWS", password, NOW + LIFE, NOW)


def test_what_most_places_hold_is_tried_whatever_one_of_them_says() -> None:
    tally = Tally()
    for password in ("forged", "good", "good"):
        tally.note([login(password)])
    assert tally.pair(FRANKFURT) == ("AWS", "good")


def test_each_registry_has_its_own() -> None:
    tally = Tally()
    tally.note([login("one", FRANKFURT, FRANKFURT_OTHER_ACCOUNT), login("two", VIRGINIA)])
    hosts = (FRANKFURT, FRANKFURT_OTHER_ACCOUNT, VIRGINIA, "public.ecr.aws")
    assert [tally.pair(host) for host in hosts] == [("AWS", "one"), ("AWS", "one"), ("AWS", "two"), None]


def test_it_is_empty_until_a_place_holds_a_login() -> None:
    tally = Tally()
    tally.note([])
    assert not tally
    tally.note([login("one")])
    assert tally
