"""The figures that the README quotes: a table and a chart, both made from `bench/results/`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

RESULTS = Path(__file__).parent / "results"
README = Path(__file__).parent.parent / "README.md"
CHART = Path(__file__).parent.parent / "docs" / "pictures" / "bench.png"
_BEGIN, _END = "<!-- figures: made by `python -m bench` -->\n", "<!-- end of figures -->\n"


def write_report() -> None:
    """Put the table into the README and draw the chart."""
    before, _, rest = README.read_text(encoding="utf-8").partition(_BEGIN)
    after = rest.partition(_END)[2]
    README.write_text(before + _BEGIN + table() + _END + after, encoding="utf-8")
    _draw_chart()


def table() -> str:
    """What the README says between its markers."""
    job, sog, ply, picture, relief = (_result(name) for name in ("main_job", "sog", "ply", "render", "relief"))
    photo, whole, still = sog["photo"], job["whole_process"], picture["picture"]["in_order"]
    service, served = _result("service"), _result("service")["relief"]
    found, fixed, unmoved = relief["relief_u2netp"], relief["vertical_gradient"], relief["not_moving"]
    sizes = photo["efforts"]
    sharp, drift = _result("sharp"), _result("sharp")["errors"]["bfloat16_than_float32"]
    faster, half, exact = sharp["times_faster"], sharp["bfloat16"], sharp["float32"]
    rows = [
        (
            f"A photo of 2 megapixels to SOG, PLY and poster ({job['warm']['gaussians']:,} Gaussians)",
            f"{whole['wall_s']:.1f} s as a whole process, {job['warm']['wall_s']:.1f} s warm, "
            f"at most {whole['peak_mb']:.0f} MB",
        ),
        (
            "Writing SOG, 1,179,648 Gaussians, against splat-transform",
            f"{photo['times_faster']['write']:.1f} times faster as a whole process, "
            f"{photo['times_faster']['write_warm']:.1f} times warm; "
            f"{sizes['0']['bytes_to_theirs']:.2f} of its size, {sizes[max(sizes)]['bytes_to_theirs']:.2f} at the "
            "highest effort",
        ),
        (
            "Reading SOG, writing PLY, against splat-transform",
            f"{photo['times_faster']['read']:.1f} times faster as a whole process, "
            f"{photo['times_faster']['read_warm']:.1f} times warm",
        ),
        (
            "PLY, the same Gaussians",
            f"writing {ply['times_faster']['write_than_plyfile']:.0f} times faster than plyfile fed with tuples, "
            f"{ply['times_faster']['write_than_gsply']:.1f} times gsply; "
            f"reading {ply['times_faster']['read_than_gsply']:.1f} times gsply",
        ),
        (
            "Rendering them at 768×768 on the CPU",
            f"{still['wall_s']:.2f} s, {still['cpu_s']:.2f} CPU seconds",
        ),
        (
            "A photo posted until its SOG is here, `relief` warm, against a server that keeps all in memory and "
            "compresses with splat-transform",
            f"{served['ours']['downloaded_p50_ms'] / 1000:.1f} s, "
            f"{service['times_faster']['relief']:.1f} times faster; "
            f"{served['ours']['bytes'] / served['in_memory']['bytes']:.2f} of its size",
        ),
        *_service_rows(service, _result("endurance")),
        *_mesh_rows(_result("mesh")),
        (
            "`relief` against ground truth (Middlebury's motorcycle), depth",
            f"mean relative error {found['abs_rel']:.3f} (vertical gradient {fixed['abs_rel']:.3f}), "
            f"wrong order {found['ordinal_error']:.3f} ({fixed['ordinal_error']:.3f})",
        ),
        (
            "The same, seen from the right camera",
            f"{found['psnr_db']:.1f} dB (the left photo as it is: {unmoved['psnr_db']:.1f} dB; "
            f"lifted with the true depth: {relief['true_disparity_u2netp']['psnr_db']:.1f} dB)",
        ),
    ]
    rows += [
        (
            "SHARP's network with made-up weights, against the same computed the plain way (float32, PyTorch's "
            "defaults)",
            f"{faster['bfloat16']['forward_s']:.1f} times faster in bfloat16 ({half['forward_s']:.0f} s), "
            f"{faster['float32']['forward_s']:.1f} times in float32 ({exact['forward_s']:.0f} s); splats into "
            f"metres {faster['float32']['unproject_s']:.1f} times (against a batched SVD)",
        ),
        (
            "SHARP ready from the page cache; at most in memory",
            f"{half['load_s']:.1f} s and {half['peak_mb'] / 1000:.1f} GB in bfloat16, {exact['load_s']:.1f} s and "
            f"{exact['peak_mb'] / 1000:.1f} GB in float32",
        ),
        (
            "SHARP in bfloat16 against float32, relative error of depth",
            f"median {100 * drift['depth_median']:.2f} %, 99 % within {100 * drift['depth_p99']:.1f} %",
        ),
    ]
    lines = [f"| {what} | {figure} |" for what, figure in rows]
    return "\n".join(["| what | measured |", "| --- | --- |", *lines]) + "\n"


def _service_rows(service: dict[str, Any], endurance: dict[str, Any]) -> list[tuple[str, str]]:
    """What serving costs, with a model that does nothing."""
    task, upload = service["one_task"], service["upload_5_mb"]
    rate = {name: it["tasks_per_s"] for name, it in service["sustained"].items()}
    waiting, cached, told = service["synchronous"], service["cached"], service["streams"]["ours"]
    plain, litserve, again = waiting["ours_uncompressed"], waiting["litserve"], cached["predict"]
    growth = endurance["growth"]
    latest_ms = max(
        it["after_finished_p99_ms"] for it in told.values() if isinstance(it, dict) and "delivered" in it
    )
    most_mb = max(it["server_mb"] for it in told.values() if isinstance(it, dict) and "server_mb" in it)
    return [
        (
            "What serving adds to a task that survives anything, median",
            f"{task['ours']['overhead_p50_ms']:.0f} ms, {task['ours_uncompressed']['overhead_p50_ms']:.0f} ms "
            "without compression (FastAPI, Celery and Redis, which may lose what came within the last second: "
            f"{task['celery']['overhead_p50_ms']:.0f} ms; all in "
            f"memory, lost with the process: {task['in_memory_uncompressed']['overhead_p50_ms']:.0f} ms); first "
            f"event after {task['ours']['first_event_p50_ms']:.0f} ms "
            f"({task['celery']['first_event_p50_ms']:.0f} ms)",
        ),
        (
            "Tasks a second, eight at a time, each with SOG and poster",
            f"{rate['ours']:.0f} (Celery, PLY only: {rate['celery']:.0f}; in memory, PLY only: "
            f"{rate['in_memory_uncompressed']:.0f}, with splat-transform: {rate['in_memory']:.0f})",
        ),
        (
            "A photo to a PLY while the client waits, against LitServe, which keeps no task and draws no poster",
            f"{plain['p50_ms']:.0f} ms, 99 % within {plain['p99_ms']:.0f} ms, {plain['photos_per_s']:.0f} a "
            f"second ({litserve['p50_ms']:.0f} ms, {litserve['p99_ms']:.0f} ms, {litserve['photos_per_s']:.0f})",
        ),
        (
            f"{told['streams']:,} open streams of events",
            f"99 % told within {latest_ms:.0f} ms of the task's end; the server holds {most_mb:.0f} MB",
        ),
        (
            "A photo of 5 MB taken in, beside 20 clients, 99 % within",
            f"{upload['ours']['p99_ms']:.0f} ms (Celery: {upload['celery']['p99_ms']:.0f} ms; in memory: "
            f"{upload['in_memory']['p99_ms']:.0f} ms)",
        ),
        (
            "An equal request again, `relief`",
            f"{again['cached']['p50_ms']:.0f} ms, {again['times_faster']:.0f} times faster than computing",
        ),
        (
            f"{endurance['tasks']:,} tasks, eight at a time, from the first fifth of them to the end",
            f"{growth['server_mb']:+.1f} MB in the server, {growth['children_mb']:+.1f} MB in its children, "
            f"{round(growth['open_files']):+d} open files",
        ),
    ]


def _mesh_rows(mesh: dict[str, Any]) -> list[tuple[str, str]]:
    """What a mesh by the embedded model takes; the peer may be missing."""
    photo, large = (mesh["photos"][name]["ours"] for name in ("coffee", "coffee_15_mp"))
    clients, requests, times_faster = mesh["clients"], mesh["requests"], mesh["times_faster"]
    growth, clients_in_turn = requests["growth"], clients["overtaken"] == 0
    rows = [
        (
            "A photo of an object to a textured mesh, `inflate` warm; of 15 megapixels",
            f"six views after {photo['warm']['views_s']:.1f} s, all after {photo['warm']['last_s']:.1f} s, "
            f"{photo['warm']['cpu_s']:.1f} CPU seconds, at most {photo['peak_mb']} MB; "
            f"{large['warm']['last_s']:.1f} s, {large['warm']['cpu_s']:.1f} CPU seconds, {large['peak_mb']} MB",
        ),
        (
            "`wheatstone mesh` as a whole process; a first photo on a new machine, which compiles on the way",
            f"{mesh['command']['coffee']['ours']['wall_s']:.1f} s; {mesh['new_machine']['ours']['last_s']:.1f} s",
        ),
        (
            f"{len(clients['shares'])} clients at once over WebSockets, {clients['photos']} photos",
            ("all served in the order they came" if clients_in_turn else f"overtaken by {clients['overtaken']}")
            + f", {clients['photos_per_minute']:.0f} a minute; the longest wait was "
            f"{clients['wait_s']['max'] / clients['wait_s']['p50']:.2f} times the median",
        ),
        (
            f"{requests['requests']} photos over a WebSocket, from the first fifth of them to the end",
            f"{growth['server_mb']:+.1f} MB in the server, {growth['children_mb']:+.1f} MB in its children, "
            f"{round(growth['open_files']):+d} open files; {len(requests['files_left'])} files left",
        ),
    ]
    if times_faster:
        alike, large_alike = times_faster["coffee_512"], times_faster["coffee_15_mp_512"]
        rows.insert(
            1,
            (
                "The same against the plain first version of its stages, textures alike; of 15 megapixels",
                f"{alike['warm_last']:.1f} times as fast, {alike['memory']:.1f} times less memory; "
                f"{large_alike['warm_last']:.1f} times as fast, {large_alike['memory']:.1f} times less",
            ),
        )
    return rows


def _result(name: str) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return result


def _draw_chart() -> None:
    photo, ply = _result("sog")["photo"]["times_faster"], _result("ply")["times_faster"]
    served = _result("service")["times_faster"]
    bars = {
        "write SOG, whole process / splat-transform": photo["write"],
        "write SOG, warm / splat-transform": photo["write_warm"],
        "SOG to PLY, whole process / splat-transform": photo["read"],
        "SOG to PLY, warm / splat-transform": photo["read_warm"],
        "write PLY / plyfile with tuples": ply["write_than_plyfile"],
        "write PLY / gsply": ply["write_than_gsply"],
        "read PLY / gsply": ply["read_than_gsply"],
        "server, photo to SOG / in memory, splat-transform": served["relief"],
        "server, no-op model / in memory, nothing kept": served["one_task_uncompressed"],
        "server, no-op model / FastAPI, Celery, Redis": served["one_task_celery"],
        "server, no-op model, waiting / LitServe": served["synchronous_litserve_p50"],
    }
    mpl.rcParams["svg.hashsalt"] = "wheatstone"
    figure = Figure(figsize=(8, 4.2), layout="constrained")
    axes = figure.add_subplot()
    drawn = axes.barh(list(bars), list(bars.values()), color="#b3541e")
    axes.bar_label(drawn, [f"{times:.{1 if times > 1 else 2}f}×" for times in bars.values()], padding=4)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_xlim(right=max(bars.values()) * 1.6)
    axes.set_xlabel("times faster on two CPU cores (log scale)")
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(CHART, dpi=110, metadata={"Software": None})
