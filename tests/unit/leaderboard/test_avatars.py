"""Only a text, or a picture of a named host in the one form that all parsers read alike, is an avatar."""

from __future__ import annotations

import pytest

from cairn.errors import BadInputError
from cairn.leaderboard.avatars import Avatars

AVATARS = Avatars.of("pictures.example.com,cdn.example.org")


@pytest.mark.parametrize(
    "avatar",
    [
        "🦊",
        "AL",
        "Ada Lovelace",
        "pictures.example.com/ada.png",
        "https://pictures.example.com/ada.png",
        "https://cdn.example.org/a/b?size=64&v=2",
    ],
)
def test_a_text_and_a_picture_of_an_allowed_host_are_shown(avatar: str) -> None:
    AVATARS.check(avatar)
    assert AVATARS.shown(avatar) == avatar


@pytest.mark.parametrize(
    "avatar",
    [
        "https://elsewhere.example.com/ada.png",
        "https://pictures.example.com.evil.example/ada.png",
        "https://evil.example/pictures.example.com/ada.png",
        "https://user:password@pictures.example.com/ada.png",
        "https://user@pictures.example.com/ada.png",
        "https://pictures.example.com:8443/ada.png",
        "https://pictures.example.com./ada.png",
        "https://pictures.example.com\\@evil.example/ada.png",
        "https://evil.example\\.pictures.example.com/ada.png",
        "https:pictures.example.com/ada.png",
        "https:///pictures.example.com/ada.png",
        "http://pictures.example.com/ada.png",
        "HTTPS://pictures.example.com/ada.png",
        "https://Pictures.example.com/ada.png",
        "https://pictures.example.com",
        "https://127.0.0.1/ada.png",
        "https://[::1]/ada.png",
        "https://localhost/ada.png",
        "https://pictures.example.com/a da.png",
        "https://pictures.example.com/ada\n.png",
        "ht\ntps://evil.example/ada.png",
        "\x01https://evil.example/ada.png",
        " https://evil.example/ada.png",
        "data:image/png;base64,AAAA",
        "javascript:alert(1)",
        "blob:https://pictures.example.com/1",
        "user:password@evil.example",
    ],
)
def test_any_other_address_is_rejected_and_a_stored_one_is_not_shown(avatar: str) -> None:
    with pytest.raises(BadInputError, match=r"avatar: .*cdn.example.org, pictures.example.com"):
        AVATARS.check(avatar)
    assert AVATARS.shown(avatar) is None


@pytest.mark.parametrize("avatar", [None, 7])
def test_no_avatar_is_no_avatar(avatar: object) -> None:
    assert AVATARS.shown(avatar) is None


def test_without_a_host_no_picture_is_shown() -> None:
    with pytest.raises(BadInputError, match="avatar_hosts"):
        Avatars.of("").check("https://pictures.example.com/ada.png")
    assert Avatars.of("").shown("🦊") == "🦊"
