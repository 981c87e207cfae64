"""The cost of importing a library and creating its client: ``weigh.py NAME``, in an otherwise empty Python."""

import json
import os
import sys
import time

ASYNC_CLIENT = """
import asyncio, {module}
async def main():
    {client}
asyncio.run(main())
"""

FIRST_INTERACTIONS = """
import time
from {module} import genai
client = genai.Client(api_key="k")
since = time.process_time()
client.interactions
touched = time.process_time() - since
"""

CODE = {
    "bare": "",
    "headwater": "from headwater import genai; client = genai.Client(api_key='k')",
    "google": "from google import genai; client = genai.Client(api_key='k')",
    "headwater interactions": FIRST_INTERACTIONS.format(module="headwater"),
    "google interactions": FIRST_INTERACTIONS.format(module="google"),
    "urllib3": "import urllib3; client = urllib3.PoolManager()",
    "http.client": "import http.client, ssl; client = None",
    "httpx2": "import httpx2; client = httpx2.Client(verify=False)",
    "httpx2 async": "import httpx2; client = httpx2.AsyncClient(verify=False)",
    "aiohttp": ASYNC_CLIENT.format(module="aiohttp", client="aiohttp.ClientSession()._connector._close()"),
    "pyreqwest": "from pyreqwest.client import ClientBuilder; client = ClientBuilder().no_proxy().build()",
    "bare protocol": "import asyncio, ssl; asyncio.run(asyncio.sleep(0))",
}


def resident_bytes() -> int:
    """The resident memory of this process now (0 if /proc does not say)."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def main() -> None:
    """Run the code of one name and print its cost; ``rss`` is the whole process, Python included."""
    code = compile(CODE[sys.argv[1]], "weigh", "exec")
    names: dict[str, object] = {}
    before, cpu, wall = resident_bytes(), time.process_time(), time.perf_counter()
    exec(code, names)
    cpu, wall, after = time.process_time() - cpu, time.perf_counter() - wall, resident_bytes()
    result = {"cpu_ms": cpu * 1e3, "wall_ms": wall * 1e3, "mib": (after - before) / 2**20, "rss_mib": after / 2**20}
    if isinstance(names.get("touched"), float):
        result["touched_ms"] = names["touched"] * 1e3  # type: ignore[operator]
    print(json.dumps({**result, "modules": len(sys.modules)}), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
