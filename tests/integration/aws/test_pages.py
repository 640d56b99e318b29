"""A list that does not fit into one answer of DynamoDB is read to its end."""

from __future__ import annotations

from boto3.dynamodb.conditions import Key

from cairn.aws import dynamodb
from cairn.aws.dynamodb import query_all
from cairn.aws.personal_data import scan
from testing.adversarial_dynamodb import catch_up
from testing.cloud import Cloud
from testing.leaderboard import Floor, at
from testing.small_pages import small_pages


def test_every_item_of_a_query_and_of_a_table_is_found(aws: Cloud) -> None:
    table = aws.table("AUDIENCE_TABLE")
    for number in range(5):
        table.put_item(Item={"pk": "some", "sk": str(number)})
    table.put_item(Item={"pk": "others", "sk": "0"})
    with small_pages(table, 2):
        assert [item["sk"] for item in query_all(table, Key("pk").eq("some"))] == list("01234")
        assert len(list(scan(table))) == 6


def test_every_rep_of_a_board_is_counted(floor: Floor) -> None:
    for name in ("Ada", "Grace", "Alan"):
        floor.hire(name)
    floor.clock.advance_to(at("2026-12-01T00:00:00Z"))
    floor.roll_over()
    catch_up()
    with small_pages(dynamodb.resource().Table("board_table")):
        assert floor.board(period="2026-11", limit=1)["total"] == 3
        assert floor.board(limit=1)["total"] == 3
