"""One page of mentions as X lists them, and its posts one by one as we keep them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.x.payloads import is_id

KEYS = {"media": "media_key", "places": "id", "posts": "id", "tweets": "id", "users": "id"}
"""The kinds of included objects, and what a post calls them by."""


@dataclass(frozen=True, slots=True)
class PostPage:
    """A page as X gave it, newest first."""

    posts: Sequence[object]
    includes: Mapping[str, Any]
    token: str

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> "PostPage":
        """Check the outline of a page; its posts are checked one by one. Raises ``ValueError``."""
        meta, posts = answer.get("meta"), answer.get("data", [])
        includes = answer.get("includes", {})
        lists = isinstance(includes, dict) and all(
            isinstance(includes.get(kind, []), list) for kind in KEYS
        )
        if not (isinstance(meta, dict) and isinstance(posts, list) and lists):
            raise ValueError("not a page of posts")
        token = meta.get("next_token")
        listed = cls(posts, includes, token if isinstance(token, str) else "")
        if posts and not listed.ids:
            raise ValueError("posts without ids")
        return listed

    @property
    def ids(self) -> list[int]:
        return _ids(self.posts)

    @property
    def goes_on(self) -> bool:
        return bool(self.token and self.ids)

    @property
    def is_understood(self) -> bool:
        """Tell whether it has what was asked for: a server may leave out what it does not know."""
        return not self.posts or any("author_id" in post for post in self._dicts)

    @property
    def cost(self) -> int:
        """The posts that X bills; a version of a post may be included with itself."""
        others = (*self.includes.get("posts", ()), *self.includes.get("tweets", ()))
        listed = set(self.ids)
        return len(self.posts) + len(others) - sum(id in listed for id in _ids(others))

    @property
    def _dicts(self) -> list[dict[str, Any]]:
        return [post for post in self.posts if isinstance(post, dict)]


def _ids(objects: Sequence[object]) -> list[int]:
    ids = (each.get("id") for each in objects if isinstance(each, dict))
    return [int(each) for each in ids if isinstance(each, str) and is_id(each)]


def alone(post: object, includes: Mapping[str, Any]) -> bytes:
    """Write one post of a page down with those of the included objects that it names."""
    written = json.dumps(post)
    mine = {
        kind: [
            each
            for each in includes.get(kind) or ()
            if isinstance(each, dict) and f'"{each.get(key)}"' in written
        ]
        for kind, key in KEYS.items()
    }
    return json.dumps({"data": post, "includes": {k: v for k, v in mine.items() if v}}).encode()
