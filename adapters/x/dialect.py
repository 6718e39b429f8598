"""The two sets of names that X's API speaks: of posts, and of tweets as it did before.

https://docs.x.com/x-api/fundamentals/data-dictionary, and X's OpenAPI document 2.167. A server that
knows one set refuses the other (400) or leaves out what was asked by it. What is fetched, read and
kept is the same: answers are read by both.
"""

from collections.abc import Mapping

Query = Mapping[str, str]

_COMMON = {
    "media.fields": "media_key,type,url,preview_image_url,variants",
    "place.fields": "full_name,geo,id",
    "user.fields": "id,name,username",
}
POSTS: Query = _COMMON | {
    "post.fields": "attachments,conversation_id,created_at,entities,geo,note_post",
    "expansions": (
        "attachments.media_keys,author_id,edit_history_post_ids,geo.place_id,in_reply_to_user_id,"
        "referenced_posts"
    ),
}
"""Whom and what a post names comes by expansion only: these are no fields."""
TWEETS: Query = _COMMON | {
    "tweet.fields": (
        "attachments,author_id,conversation_id,created_at,edit_history_tweet_ids,entities,geo,"
        "in_reply_to_user_id,note_tweet,referenced_tweets"
    ),
    "expansions": "attachments.media_keys,author_id,geo.place_id,referenced_tweets.id",
}
DIALECTS = (POSTS, TWEETS)
"""What is asked for, in the order in which it is tried."""

RENAMED: Mapping[str, str] = {
    "edit_history_tweet_ids": "edit_history_post_ids",
    "note_tweet": "note_post",
    "referenced_tweets": "referenced_posts",
    "tweets": "posts",
}
"""Of each name of before the one of today."""
KINDS: Mapping[str, str] = {"retweeted": "reposted"}
"""The kinds of references, likewise."""


def rename(said: object) -> object:
    """Return an object of X's by today's names; what is empty does not hide what is not."""
    if not isinstance(said, dict):
        return said
    found = {name: value for name, value in said.items() if name not in RENAMED}
    for old, new in RENAMED.items():
        if old in said and not found.get(new):
            found[new] = said[old]
    return found
