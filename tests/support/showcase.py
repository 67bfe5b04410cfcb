"""An index with good content, own and mirrored, as pages for people are shown and tried with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clients.command import output, run
from clients.environments import UV
from support import distributions
from support.access import OWNER
from support.command_line import wheelyard
from support.server import Server
from support.sessions import write_sessions
from support.upstreams.mirroring import Index, index, mirror_settings
from support.upstreams.running import upstream
from support.upstreams.stock import APP, Stock, sample

README = """\
# acme-forecast

Forecasts of demand for every warehouse, from the numbers of the last three years.

## Use

```python
from acme_forecast import Forecast

forecast = Forecast.of("warehouse-7", days=14)  # two weeks
print(forecast.peak, forecast.confidence)
```

| model | error | needs a GPU |
| --- | --- | --- |
| `seasonal` | 4.1 % | no |
| `boosted` | 2.9 % | no |
| `transformer` | 2.2 % | yes |

![A plot of a forecast](https://images.example.com/forecast.png)

> Forecasts are made on Mondays.

1. Read the [handbook](https://handbook.example.com/forecast).
2. Ask the forecasting team before you use `transformer`.
"""
_HEADS = """\
Summary: Forecasts of demand for every warehouse
Requires-Python: >=3.11
License-Expression: Apache-2.0
Author-email: Forecasting <forecasting@example.com>
Keywords: demand,forecast,warehouse
Project-URL: Documentation, https://handbook.example.com/forecast
Project-URL: Source, https://git.example.com/forecast
Classifier: Development Status :: 5 - Production/Stable
Classifier: Programming Language :: Python :: 3
Requires-Dist: acme-units>=2
Requires-Dist: public-needed>=1
Requires-Dist: matplotlib>=3.9; extra == "plots"
Provides-Extra: plots
Description-Content-Type: text/markdown
"""
OWN = {
    "acme_units": ("2.3.1", "Summary: Units of measurement that cannot be mixed up\n"),
    "acme_routes": ("0.9.0", "Summary: Shortest routes between warehouses, with the traffic of the hour\n"),
    "acme_labels": ("3.0.2", "Summary: Shipping labels as PDF, for eleven carriers\n"),
    "acme_legacy_orders": ("1.4", "Summary: The old order format. Use acme-orders\n"),
}
"""Projects by module, with their version and metadata."""


PAGES = {
    "home": "/",
    "projects": "/projects/",
    "search": "/projects/?q=acme+orders",
    "access": "/access/",
    "login": "/login/",
    "project": "/project/acme-forecast/",
    "version": "/project/acme-forecast/2.0/",
    "mirrored": "/project/public-needed/",
    "deprecated": "/project/acme-legacy-orders/",
    "files": "/project/acme-forecast/files/",
    "versions": "/project/acme-forecast/versions/",
    "policy": "/project/public-app/policy/",
    "history": "/project/acme-forecast/history/",
    "statistics": "/project/acme-forecast/statistics/",
}
"""The pages that everybody may see, by a name of each."""
ERRORS = {"bad-request": "/projects/?page=x", "not-found": "/project/acme-none/"}


@contextmanager
def showcase(home: Path) -> Iterator[Server]:
    """Run the index for as long as a block takes."""
    (home / "server").mkdir(parents=True)
    write_sessions(home / "server")
    with (
        upstream("pypi", _public()) as other,
        index(home, mirror_settings(home, other, private=["acme-*"])) as made,
    ):
        _publish(made, home)
        _manage(made.server)
        made.page(APP)
        made.page("public-needed")
        yield made.server


def _public() -> Stock:
    stock = sample()
    stock.wheel("requests", "2.32.5", module="a = 1\n")
    return stock


def _publish(made: Index, folder: Path) -> None:
    built = [
        distributions.wheel(folder, "acme_forecast", each, extra=_HEADS + "\n" + README)
        for each in ("1.9", "2.0", "2.1")
    ]
    built.append(distributions.sdist(folder, "acme_forecast", "2.1"))
    built += [distributions.wheel(folder, name, version, extra=extra) for name, (version, extra) in OWN.items()]
    variables = {"UV_PUBLISH_URL": f"{made.server.url}/legacy/", "UV_PUBLISH_TOKEN": OWNER}
    done = run(UV, "publish", *built, cwd=folder, variables=variables)
    assert done.returncode == 0, output(done)


def _manage(server: Server) -> None:
    url = f"{server.url_of(OWNER)}/simple/"
    for command in (
        ("yank", "acme-forecast", "2.0", "--reason", "forecasts twice the demand on public holidays"),
        ("status", "acme-legacy-orders", "deprecated", "--reason", "use acme-orders"),
    ):
        done = wheelyard(*command, "--index-url", url)
        assert done.returncode == 0, output(done)
