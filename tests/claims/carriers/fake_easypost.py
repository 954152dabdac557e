"""EasyPost as the wire shows it: the few calls that a label takes, on a port of this machine.

The shapes are those of the public API (docs.easypost.com). A test says what goes wrong by
`trouble`: the next calls of a kind ("create", "buy", "refund" …) get that answer instead.
"""

import json
import threading
import time
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PDF = b"%PDF-1.4 four by six inches"
KEY = "EZTK-for-tests"
RATES = [
    {"id": "rate_fast", "carrier": "UPS", "service": "NextDayAir", "rate": "47.63"},
    {"id": "rate_low", "carrier": "USPS", "service": "GroundAdvantage", "rate": "9.49"},
    {"id": "rate_mid", "carrier": "UPS", "service": "Ground", "rate": "11.69"},
]


class Answer(Exception):
    def __init__(self, status: int, body: Any) -> None:
        self.status, self.body = status, body


def error(status: int, code: str, message: str, fields: list[Any] | None = None) -> Answer:
    return Answer(status, {"error": {"code": code, "message": message, "errors": fields or []}})


NOT_FOUND = error(404, "NOT_FOUND", "The requested resource could not be found.")
NO_KEY = error(
    401, "APIKEY.INACTIVE", "This api key is no longer active. Please use a different api key."
)
BAD_ADDRESS = error(
    422,
    "ADDRESS.VERIFY.FAILURE",
    "Unable to verify address.",
    [{"field": "address", "message": "Address not found", "suggestion": None}],
)
TOO_FAST = error(429, "RATE_LIMITED", "You have been rate limited.", ["Please slow down."])
DOWN = error(503, "INTERNAL_SERVER_ERROR", "We are down for maintenance.")
NO_MONEY = error(402, "PAYMENT_REQUIRED", "Insufficient funds.")
NOT_JSON = Answer(502, b"<html>Bad Gateway</html>")
SILENCE = Answer(0, None)


class FakeEasyPost:
    def __init__(self) -> None:
        self.shipments: dict[str, dict[str, Any]] = {}
        self.calls: list[str] = []
        self.bought: list[str] = []  # the reference of each sale
        self.trouble: dict[str, list[Answer]] = defaultdict(list)
        self.rates = RATES
        self.label_type = "application/pdf"
        self.label_bytes = PDF
        self.refund_status = "submitted"
        self.silence_seconds = 1.0
        self.lock = threading.Lock()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                fake.answer(self)

            do_POST = do_GET  # noqa: N815 — the library's name

            def log_message(self, *args: Any) -> None:
                """Nothing on the terminal."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    # --- the wire --------------------------------------------------------------

    def answer(self, http: BaseHTTPRequestHandler) -> None:
        length = int(http.headers.get("Content-Length") or 0)
        sent = json.loads(http.rfile.read(length) or b"{}")
        path, _, query = http.path.partition("?")
        try:
            with self.lock:
                status, body = 200, self.route(http, path, query, sent)
        except Answer as answer:
            status, body = answer.status, answer.body
        if status == 0:
            time.sleep(self.silence_seconds)
            return
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        http.send_response(status)
        http.send_header("Content-Type", "application/json")
        http.send_header("Content-Length", str(len(content)))
        http.end_headers()
        http.wfile.write(content)

    def route(self, http: BaseHTTPRequestHandler, path: str, query: str, sent: Any) -> Any:
        if path.startswith("/files/"):
            self.note("download")
            return self.label_bytes
        if http.headers["Authorization"] != f"Bearer {KEY}":
            raise NO_KEY
        match http.command, path.removeprefix("/v2/").split("/"):
            case "POST", ["shipments"]:
                return self.create(sent["shipment"])
            case "GET", ["shipments", name]:
                self.note("retrieve")
                return self.find(name)
            case "POST", ["shipments", name, "rerate"]:
                self.note("rerate")
                self.find(name)["rates"] = self.rates
                return {"rates": self.rates}
            case "POST", ["shipments", name, "buy"]:
                return self.buy(self.find(name), sent)
            case "GET", ["shipments", name, "label"]:
                self.note("label")
                assert query == "file_format=PDF"
                shipment = self.find(name)
                shipment["postage_label"]["label_pdf_url"] = f"{self.address}/files/label.pdf"
                return shipment
            case "POST", ["shipments", name, "refund"]:
                self.note("refund")
                shipment = self.find(name)
                shipment["refund_status"] = self.refund_status
                return shipment
        raise NOT_FOUND

    def note(self, call: str) -> None:
        self.calls.append(call)
        if self.trouble[call]:
            raise self.trouble[call].pop(0)

    def find(self, name: str) -> dict[str, Any]:
        """By id, or by reference in its place."""
        for shipment in self.shipments.values():
            if name in {shipment["id"], shipment["reference"]}:
                return shipment
        raise NOT_FOUND

    def create(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.note("create")
        number = f"shp_{len(self.shipments):032x}"
        # Like the original, it makes a second one under the same reference, too.
        self.shipments[number] = {
            "id": number,
            "object": "Shipment",
            "status": "unknown",
            "tracking_code": None,
            "tracker": None,
            "postage_label": None,
            "selected_rate": None,
            "refund_status": None,
            "rates": self.rates,
            "messages": []
            if self.rates
            else [
                {
                    "carrier": "USPS",
                    "carrier_account_id": "ca_1",
                    "type": "rate_error",
                    "message": "No service to this address",
                }
            ],
            **asked,
        }
        return self.shipments[number]

    def buy(self, shipment: dict[str, Any], sent: dict[str, Any]) -> dict[str, Any]:
        self.calls.append("buy")
        sold_but_not_said = [each for each in self.trouble["buy"][:1] if each is SILENCE]
        if self.trouble["buy"] and not sold_but_not_said:
            raise self.trouble["buy"].pop(0)
        if shipment["postage_label"]:
            raise error(422, "SHIPMENT.POSTAGE.EXISTS", "Postage already exists for this shipment.")
        rate = next(each for each in self.rates if each["id"] == sent["rate"]["id"])
        code = f"94001{int(shipment['id'][4:], 16):017d}"
        name = "label.pdf" if self.label_type == "application/pdf" else "label.png"
        shipment |= {
            "selected_rate": rate,
            "tracking_code": code,
            "tracker": {
                "id": "trk_1",
                "object": "Tracker",
                "tracking_code": code,
                "status": "unknown",
                "public_url": f"https://track.easypost.com/{code}",
            },
            "postage_label": {
                "id": "pl_1",
                "object": "PostageLabel",
                "label_size": "4x6",
                "label_file_type": self.label_type,
                "label_url": f"{self.address}/files/{name}",
                "label_pdf_url": None,
            },
        }
        self.shipments[shipment["id"]] = shipment
        self.bought.append(shipment["reference"])
        if sold_but_not_said:
            raise self.trouble["buy"].pop(0)
        return shipment
