"""Which links to films are taken (V1). Only YouTube's id is kept, so no other link ever gets in."""

import pytest
from django.core.exceptions import ValidationError

from policies.forms import VideoLinkField
from policies.verification import BadVideoLink, video_id

FILM = "dQw4w9WgXcQ"


@pytest.mark.parametrize(
    "link",
    [
        "https://youtu.be/dQw4w9WgXcQ",
        "https://youtu.be/dQw4w9WgXcQ?si=AbCdEf123&t=42",
        "https://www.youtube.com/watch?v=dQw4w9WgXcQ",
        "https://youtube.com/watch?v=dQw4w9WgXcQ",
        "https://m.youtube.com/watch?v=dQw4w9WgXcQ&feature=share",
        "https://www.youtube.com/watch?app=desktop&v=dQw4w9WgXcQ#t=1",
        "https://www.youtube.com/shorts/dQw4w9WgXcQ",
        "https://youtube.com/shorts/dQw4w9WgXcQ?feature=share",
        "HTTPS://WWW.YouTube.COM/watch?v=dQw4w9WgXcQ",
        "  https://youtu.be/dQw4w9WgXcQ\n",
        "http://youtu.be/dQw4w9WgXcQ",
        "youtu.be/dQw4w9WgXcQ",
        "www.youtube.com/watch?v=dQw4w9WgXcQ",
        "YOUTU.BE/dQw4w9WgXcQ",
        "https://youtu.be/dQw4w9WgXcQ/",
        "https://www.youtube.com/watch/?v=dQw4w9WgXcQ",
        "https://www.youtube.com/shorts/dQw4w9WgXcQ/",
        "https://www.youtube.com/live/dQw4w9WgXcQ?feature=share",
        "https://m.youtube.com/live/dQw4w9WgXcQ",
        "http://youtube.com/embed/dQw4w9WgXcQ",
    ],
)
def test_a_link_as_youtube_gives_it_is_taken(link):
    assert video_id(link) == FILM
    assert VideoLinkField().clean(link) == FILM


def test_an_id_may_hold_dashes_and_underscores():
    assert video_id("https://youtu.be/-_-AbC123_x") == "-_-AbC123_x"


HOSTILE = {
    "another scheme": "ftp://youtu.be/dQw4w9WgXcQ",
    "a port without a scheme": "youtu.be:443/dQw4w9WgXcQ",
    "a user without a scheme": "me@youtu.be/dQw4w9WgXcQ",
    "a path before the film": "https://www.youtube.com/live/x/dQw4w9WgXcQ",
    "two slashes behind the film": "https://youtu.be/dQw4w9WgXcQ//",
    "scheme of the page": "//youtu.be/dQw4w9WgXcQ",
    "script": "javascript:alert(1)//https://youtu.be/dQw4w9WgXcQ",
    "data": "data:text/html,https://youtu.be/dQw4w9WgXcQ",
    "file": "file://youtu.be/dQw4w9WgXcQ",
    "another site": "https://evil.example/watch?v=dQw4w9WgXcQ",
    "a site that ends like it": "https://notyoutube.com/watch?v=dQw4w9WgXcQ",
    "a site that begins like it": "https://youtube.com.evil.example/watch?v=dQw4w9WgXcQ",
    "look-alike letters": "https://уoutube.com/watch?v=dQw4w9WgXcQ",
    "full-width letters": "https://ｙｏｕｔｕ.be/dQw4w9WgXcQ",
    "trailing dot": "https://youtu.be./dQw4w9WgXcQ",
    "user in front": "https://youtu.be@evil.example/dQw4w9WgXcQ",
    "empty user": "https://@youtu.be/dQw4w9WgXcQ",
    "password in front": "https://me:secret@youtu.be/dQw4w9WgXcQ",
    "backslash": "https://youtu.be\\@evil.example/dQw4w9WgXcQ",
    "port": "https://youtu.be:443/dQw4w9WgXcQ",
    "port that is none": "https://youtu.be:99999/dQw4w9WgXcQ",
    "broken brackets": "https://[youtu.be/dQw4w9WgXcQ",
    "no film": "https://youtu.be/",
    "no film to watch": "https://www.youtube.com/watch",
    "empty film": "https://www.youtube.com/watch?v=",
    "film too short": "https://youtu.be/dQw4w9WgXc",
    "film too long": "https://youtu.be/dQw4w9WgXcQQ",
    "film with a line break": "https://youtu.be/dQw4w9WgXc%0A",
    "path behind the film": "https://youtu.be/dQw4w9WgXcQ/../../x",
    "two slashes": "https://youtu.be//dQw4w9WgXcQ",
    "tag in place of a film": "https://youtu.be/<script>1</s",
    "quote in place of a film": 'https://youtu.be/"onload="aaa',
    "a channel": "https://www.youtube.com/@skyline",
    "a list": "https://www.youtube.com/playlist?list=PL1234567890",
    "a redirect": "https://www.youtube.com/redirect?q=https://evil.example&v=dQw4w9WgXcQ",
    "letters of another script": "https://youtu.be/dQw4w9WgXcé",
    "digits of another script": "https://youtu.be/dQw4w9WgX٣٤",
    "only words": "my video is on YouTube",
}
SENTENCE = (
    "Please give the https link of a YouTube video, like https://youtu.be/dQw4w9WgXcQ. "
    "It may be private."
)


@pytest.mark.parametrize("link", HOSTILE.values(), ids=HOSTILE.keys())
def test_whatever_else_is_answered_with_what_to_give(link):
    with pytest.raises(BadVideoLink) as refused:
        video_id(link)
    assert refused.value.message == SENTENCE
    with pytest.raises(ValidationError) as refusal:
        VideoLinkField().clean(link)
    assert refusal.value.messages == [SENTENCE]


@pytest.mark.parametrize(
    ("link", "sentence"),
    [
        ("", "Please fill this in."),
        ("   ", "Please fill this in."),
        ("https://youtu.be/" + "x" * 300, "Please use at most 300 characters."),
        ("https://youtu.be/dQw4w9\x00WgXcQ", "This contains characters that cannot be seen. Please type it by hand."),
        ("https://youtu.be/\u202edQw4w9WgXcQ", "This contains characters that cannot be seen. Please type it by hand."),
        ("https://youtu.be/dQw4w9\nWgXcQ", "This contains characters that cannot be seen. Please type it by hand."),
    ],
)  # fmt: skip
def test_the_field_has_the_sentences_of_every_field(link, sentence):
    with pytest.raises(ValidationError) as refusal:
        VideoLinkField().clean(link)
    assert refusal.value.messages == [sentence]
