"""Answers in XML."""

from xml.etree.ElementTree import Element, SubElement, tostring

from django.http import HttpResponse


def add(parent: Element, name: str, text: str) -> None:
    """Put an element with a text into another."""
    SubElement(parent, name).text = text


def answer(root: Element) -> HttpResponse:
    """Send a document."""
    return HttpResponse(
        tostring(root, encoding="utf-8", xml_declaration=True),
        content_type="application/xml; charset=utf-8",
    )
