"""Telegram's HTML: the markup that it accepts, and its errors for the rest."""

import html

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.sandbox.entities import EntityError, bot_commands, parse_html, utf16_length


def test_markup_becomes_entities_counted_in_utf16() -> None:
    text, entities = parse_html("🎉 <b>Stone &amp; <i>Trail</i></b> &lt;3")
    assert text == "🎉 Stone & Trail <3"
    assert entities == [{"type": "bold", "offset": 3, "length": 13}, {"type": "italic", "offset": 11, "length": 5}]


@pytest.mark.parametrize(
    ("source", "entity"),
    [
        ("<strong>x</strong>", {"type": "bold"}),
        ("<EM>x</em>", {"type": "italic"}),
        ("<ins>x</ins>", {"type": "underline"}),
        ("<del>x</del>", {"type": "strikethrough"}),
        ('<span class="tg-spoiler">x</span>', {"type": "spoiler"}),
        ("<tg-spoiler>x</tg-spoiler>", {"type": "spoiler"}),
        ("<code>x</code>", {"type": "code"}),
        ("<pre>x</pre>", {"type": "pre"}),
        ("<blockquote>x</blockquote>", {"type": "blockquote"}),
        ("<blockquote expandable>x</blockquote>", {"type": "expandable_blockquote"}),
        (
            '<a href="https://example.org/?a=1&amp;b=2">x</a>',
            {"type": "text_link", "url": "https://example.org/?a=1&b=2"},
        ),
        ("<a href = 'https://example.org' >x</>", {"type": "text_link", "url": "https://example.org"}),
        (
            '<tg-emoji emoji-id="5368324170671202286">x</tg-emoji>',
            {"type": "custom_emoji", "custom_emoji_id": "5368324170671202286"},
        ),
    ],
)
def test_supported_tags(source: str, entity: dict[str, str]) -> None:
    assert parse_html(source) == ("x", [{**entity, "offset": 0, "length": 1}])


@pytest.mark.parametrize("source", ["<b></b>x", '<a href="nonsense">x</a>', "<a>x</a>"])
def test_markup_of_nothing_leaves_no_entity(source: str) -> None:
    assert parse_html(source) == ("x", [])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("<p>x</p>", 'Unsupported start tag "p" at byte offset 0'),
        ("é <br/>", 'Unsupported start tag "br/" at byte offset 3'),
        ("5 < 6 and more", 'Unsupported start tag "" at byte offset 2'),
        ("<b>x", 'Can\'t find end tag corresponding to start tag "b"'),
        ("x</b>", "Unexpected end tag at byte offset 1"),
        ("<b><i>x</b></i>", 'Unmatched end tag at byte offset 7, expected "</i>", found "</b>"'),
        ("<b", "Unclosed start tag at byte offset 0"),
        ("<a href", "Unclosed start tag at byte offset 0"),
        ("<a href=", "Unclosed start tag at byte offset 0"),
        ('<a href="x', "Unclosed start tag at byte offset 0"),
        ("<a ", "Unclosed start tag at byte offset 0"),
        ("<a href>x</a>", 'Expected equal sign in declaration of an attribute of the tag "a" at byte offset 0'),
        ("<a =x>x</a>", 'Empty attribute name in the tag "a" at byte offset 0'),
        ("<a href=h/t>x</a>", "Unexpected end of name token at byte offset 8"),
        ("<b>x</b", "Unclosed end tag at byte offset 4"),
        ("<span>x</span>", 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
        ('<tg-emoji emoji-id="0">x</tg-emoji>', "Invalid custom emoji identifier specified"),
    ],
)
def test_errors_are_telegrams_own(source: str, message: str) -> None:
    with pytest.raises(EntityError) as raised:
        parse_html(source)
    assert str(raised.value) == message


def test_unknown_references_stay_as_they_are_and_semicolons_are_optional() -> None:
    text, _ = parse_html("&nbsp; &lt &#65; &#x41; &#0; &#xD800; & &copy;")
    assert text == "&nbsp; < A A &#0; &#xD800; & &copy;"


@given(st.text())
def test_any_escaped_text_comes_through_unchanged(text: str) -> None:
    assert parse_html(html.escape(text, quote=False)) == (text, [])


@given(st.text(alphabet="<>/&;ab =\"'é🎉#x1p-"))
def test_any_markup_is_parsed_or_rejected(source: str) -> None:
    try:
        text, entities = parse_html(source)
    except EntityError:
        return
    assert all(e["length"] > 0 and e["offset"] + e["length"] <= utf16_length(text) for e in entities)


def test_commands_are_marked_for_the_bot() -> None:
    assert bot_commands("/start ref_1") == [{"type": "bot_command", "offset": 0, "length": 6}]
    assert bot_commands("🎉 /status@cairn_bot") == [{"type": "bot_command", "offset": 3, "length": 17}]
    assert bot_commands("a/b https://x.org/y") == []
