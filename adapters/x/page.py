"""One page of mentions as X lists them, and its posts one by one as we keep them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.x.payloads import is_id

FIELDS: Mapping[str, list[str]] = {
    "tweet_fields": [
        *("attachments", "author_id", "conversation_id", "created_at", "edit_history_tweet_ids"),
        *("entities", "geo", "in_reply_to_user_id", "note_tweet", "referenced_tweets"),
    ],
    "expansions": [
        *("attachments.media_keys", "author_id", "geo.place_id", "referenced_tweets.id"),
    ],
    "media_fields": ["media_key", "type", "url", "preview_image_url", "variants"],
    "place_fields": ["full_name", "geo", "id"],
    "user_fields": ["id", "name", "username"],
}
"""What we ask for: https://docs.x.com/x-api/fundamentals/data-dictionary."""
KEYS = {"media": "media_key", "places": "id", "tweets": "id", "users": "id"}
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
        ids = (each.get("id") for each in self.posts if isinstance(each, dict))
        return [int(each) for each in ids if isinstance(each, str) and is_id(each)]

    @property
    def goes_on(self) -> bool:
        return bool(self.token and self.ids)

    @property
    def cost(self) -> int:
        """The posts that X bills."""
        return len(self.posts) + len(self.includes.get("tweets", ()))


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
