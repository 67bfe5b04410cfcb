"""Paths of projects in old indexes, for installers and for people."""

import pytest

from support.http import Client

NAVIGATION = {"Sec-Fetch-Mode": "navigate"}


async def test_a_person_gets_the_page_for_people_and_an_installer_the_simple_one(client: Client) -> None:
    for headers, place in (
        ({}, "../simple/demo/"),
        ({"Sec-Fetch-Mode": "no-cors"}, "../simple/demo/"),
        (NAVIGATION, "../project/demo/"),
    ):
        answer = await client.get("/De_Mo/".replace("_", ""), headers=headers, allow_redirects=False)
        assert answer.headers["Location"] == place
        assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/files/", "/api/json", "/project/json", "/simple/json/"])
async def test_a_reserved_name_is_no_project(client: Client, path: str) -> None:
    answer = await client.get(path, headers=NAVIGATION, allow_redirects=False)
    # /project/json is a page of the project json, and no JSON of a project of the name `project`.
    reserved = path.split("/")[1]
    assert f"project/{reserved}/" not in answer.headers.get("Location", "")
