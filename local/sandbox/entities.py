"""Telegram's HTML parse mode: the markup that it accepts, and its exact errors for the rest.

It is not an HTML parser: every `<` starts a tag, there are four named character references, and offsets in errors are
UTF-8 bytes while entities count UTF-16 code units. https://core.telegram.org/bots/api#html-style, and parse_html in
https://github.com/tdlib/td/blob/master/td/telegram/MessageEntity.cpp.
"""

import re
from dataclasses import dataclass, field
from typing import Any

ENTITY_OF_TAG = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "span": "spoiler",
    "a": "text_link",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
    "tg-emoji": "custom_emoji",
}
NAMED_REFERENCES = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
REFERENCE = re.compile(r"&(?:#x([0-9a-fA-F]{1,6})|#([0-9]{1,7})|([a-zA-Z]+));?")
ATTRIBUTE = re.compile(r"\s*([^\s=>]+)")
EQUALS = re.compile(r"\s*=\s*")
VALUE = re.compile(r"""'([^']*)'|"([^"]*)"|([A-Za-z0-9.\-]*)(?=[\s>])""")
END_TAG = re.compile(r"</([^\s>]*)\s*>")
COMMAND = re.compile(r"(?<![\w/<>])/\w{1,64}(?:@\w{3,32})?(?![\w/<>])", re.ASCII)

Entity = dict[str, Any]


class EntityError(ValueError):
    """Markup that Telegram rejects, with its error message."""


def utf16_length(text: str) -> int:
    """Length as Telegram counts it: characters outside the Basic Multilingual Plane count twice."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _decode(match: re.Match[str]) -> str:
    hexadecimal, decimal, name = match.groups()
    if name is not None:
        return NAMED_REFERENCES.get(name, match.group())
    code = int(hexadecimal, 16) if hexadecimal else int(decimal)
    representable = 0 < code < 0x10FFFF and not 0xD800 <= code <= 0xDFFF
    return chr(code) if representable else match.group()


def _unescape(text: str) -> str:
    return REFERENCE.sub(_decode, text)


@dataclass
class _Open:
    tag: str
    offset: int
    at: int
    attributes: dict[str, str]


@dataclass
class _Parser:
    source: str
    at: int = 0
    text: str = ""
    length: int = 0
    open: list[_Open] = field(default_factory=list)
    entities: list[Entity] = field(default_factory=list)

    def fail(self, what: str, at: int, rest: str = "") -> EntityError:
        return EntityError(f"{what} at byte offset {len(self.source[:at].encode())}{rest}")

    def emit(self, text: str) -> None:
        self.text += text
        self.length += utf16_length(text)

    def run(self) -> None:
        while self.at < len(self.source):
            tag = self.source.find("<", self.at)
            end = len(self.source) if tag < 0 else tag
            self.emit(_unescape(self.source[self.at : end]))
            self.at = end
            if tag >= 0:
                if self.source.startswith("</", tag):
                    self.end_tag()
                else:
                    self.start_tag()
        if self.open:
            message = f'Can\'t find end tag corresponding to start tag "{self.open[-1].tag}"'
            raise EntityError(message)

    def start_tag(self) -> None:
        begin = self.at
        while not self.source[self.at : self.at + 1].isspace() and self.source[self.at : self.at + 1] not in {">", ""}:
            self.at += 1
        tag = self.source[begin + 1 : self.at].lower()
        if self.at == len(self.source):
            raise self.fail("Unclosed start tag", begin)
        if tag not in ENTITY_OF_TAG:
            raise self.fail(f'Unsupported start tag "{tag}"', begin)
        attributes = self.attributes(tag, begin)
        if tag == "span" and attributes.get("class") != "tg-spoiler":
            raise self.fail('Tag "span" must have class "tg-spoiler"', begin)
        self.open.append(_Open(tag, self.length, len(self.text), attributes))

    def attributes(self, tag: str, begin: int) -> dict[str, str]:
        found: dict[str, str] = {}
        while True:
            while self.source[self.at : self.at + 1].isspace():
                self.at += 1
            if self.source.startswith(">", self.at):
                self.at += 1
                return found
            name = ATTRIBUTE.match(self.source, self.at)
            if name is None:
                if self.at == len(self.source):
                    raise self.fail("Unclosed start tag", begin)
                raise self.fail(f'Empty attribute name in the tag "{tag}"', begin)
            self.at = name.end()
            equals = EQUALS.match(self.source, self.at)
            if equals is None:
                if tag == "blockquote" and name.group(1) == "expandable":
                    found["expandable"] = ""
                    continue
                if self.at == len(self.source):
                    raise self.fail("Unclosed start tag", begin)
                raise self.fail(f'Expected equal sign in declaration of an attribute of the tag "{tag}"', begin)
            self.at = equals.end()
            found[name.group(1)] = self.value(begin)

    def value(self, begin: int) -> str:
        match = VALUE.match(self.source, self.at)
        if match is None:
            quoted = self.source[self.at : self.at + 1] in {"'", '"', ""}
            raise (
                self.fail("Unclosed start tag", begin) if quoted else self.fail("Unexpected end of name token", self.at)
            )
        self.at = match.end()
        single, double, token = match.groups()
        return token.lower() if token is not None else _unescape(single if single is not None else double)

    def end_tag(self) -> None:
        begin = self.at
        if not self.open:
            raise self.fail("Unexpected end tag", begin)
        end = END_TAG.match(self.source, begin)
        if end is None:
            raise self.fail("Unclosed end tag", begin)
        self.at = end.end()
        tag = end.group(1).lower()
        opened = self.open[-1]
        if tag and tag != opened.tag:
            raise self.fail("Unmatched end tag", begin, f', expected "</{opened.tag}>", found "</{tag}>"')
        self.open.pop()
        if self.length > opened.offset:
            self.entities += self.entity(opened)

    def entity(self, opened: _Open) -> list[Entity]:
        kind = ENTITY_OF_TAG[opened.tag]
        entity: Entity = {"type": kind, "offset": opened.offset, "length": self.length - opened.offset}
        if kind == "text_link":
            url = opened.attributes.get("href") or self.text[opened.at :]
            if not re.match(r"(?:https?|tg|ton)://\S|[^\s/]+\.[^\s/]", url, re.IGNORECASE):
                return []
            entity["url"] = url
        if kind == "custom_emoji":
            emoji = opened.attributes.get("emoji-id", "")
            if not emoji.isdecimal() or int(emoji) == 0:
                message = "Invalid custom emoji identifier specified"
                raise EntityError(message)
            entity["custom_emoji_id"] = emoji
        if kind == "blockquote" and "expandable" in opened.attributes:
            entity["type"] = "expandable_blockquote"
        return [entity]


def parse_html(source: str) -> tuple[str, list[Entity]]:
    """The visible text and its entities; EntityError with Telegram's message."""
    parser = _Parser(source)
    parser.run()
    return parser.text, sorted(parser.entities, key=lambda entity: (entity["offset"], -entity["length"]))


def bot_commands(text: str) -> list[Entity]:
    """The `/commands` in a typed text, as Telegram marks them for the bot."""
    return [
        {"type": "bot_command", "offset": utf16_length(text[: found.start()]), "length": utf16_length(found.group())}
        for found in COMMAND.finditer(text)
    ]
