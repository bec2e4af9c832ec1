"""The page, in a real browser: a clip is chosen, answered, explained; a camera is recorded."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time

import imageio_ffmpeg
import pytest
import requests

#: The element that shows the camera, and whether it shows a picture rather than one colour.
_SEEN = "document.getElementById('camera')"
_SHADES = f"""(() => {{
    const drawn = Object.assign(document.createElement('canvas'), {{ width: 32, height: 32 }}).getContext('2d');
    drawn.drawImage({_SEEN}, 0, 0, 32, 32);
    return new Set(drawn.getImageData(0, 0, 32, 32).data).size > 20;
}})()"""


def test_the_page_runs_nothing_but_its_own_script(door):
    answer = requests.get(f"{door.base}/", timeout=30)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "*" not in policy
    assert "style=" not in answer.text and "onclick" not in answer.text and "http" not in answer.text
    for name in ("page.js", "page.css"):
        assert requests.get(f"{door.base}/page/{name}", timeout=30).status_code == 200


def test_who_has_no_javascript_is_told_so_and_what_to_do_instead(door):
    page = requests.get(f"{door.base}/", timeout=30).text
    said = page.partition("<noscript>")[2].partition("</noscript>")[0]
    assert "JavaScript" in said and "/predictions/affekt" in said


def filmed(clip, folder):
    """The options by which a clip is what camera and microphone take."""
    picture, sound = folder / "camera.y4m", folder / "microphone.wav"
    both = ["-pix_fmt", "yuv420p", "-s", "640x480", str(picture), "-vn", str(sound)]
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(clip), *both], check=True)
    return f"--use-file-for-fake-video-capture={picture}", f"--use-file-for-fake-audio-capture={sound}"


class Browser:
    """Chromium over its debugging pipe; before its camera a person is, whom a clip shows again and again."""

    def __init__(self, folder, clip):
        program = shutil.which("chromium") or shutil.which("google-chrome")
        if program is None:
            pytest.skip("there is no Chromium here")
        (theirs_in, self._out), (self._in, theirs_out) = os.pipe(), os.pipe()

        def place():
            os.dup2(os.dup(theirs_in), 3 + 100)
            os.dup2(os.dup(theirs_out), 4 + 100)
            os.dup2(103, 3)
            os.dup2(104, 4)

        self._process = subprocess.Popen(
            [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe",
             "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--no-first-run",
             *filmed(clip, folder), f"--user-data-dir={folder / 'profile'}", "about:blank"],
            preexec_fn=place, close_fds=False, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._number, self._rest, self._session = 0, b"", None

    def ask(self, method, **params):
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" not in self._rest:
                self._rest += os.read(self._in, 1 << 20)
            text, _, self._rest = self._rest.partition(b"\0")
            said = json.loads(text)
            if said.get("id") == self._number:
                assert "error" not in said, said
                return said["result"]

    def open(self, url, width=390):
        target = self.ask("Target.createTarget", url=url)["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=True)
        self.until("document.readyState === 'complete' && document.getElementById('drop') !== null")

    def value(self, expression):
        said = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in said, said
        return said["result"].get("value")

    def until(self, expression, seconds=60):
        ends = time.monotonic() + seconds
        while not (found := self.value(expression)):
            assert time.monotonic() < ends, (expression, self.value("document.getElementById('status').textContent"))
            time.sleep(0.1)
        return found

    def press(self, key):
        """Press a key, as whoever uses no mouse does."""
        for kind in ("keyDown", "keyUp"):
            self.ask("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=13, text="\r")

    def names(self, role):
        """What a screen reader calls the elements of a role."""
        nodes = self.ask("Accessibility.getFullAXTree")["nodes"]
        return [node.get("name", {}).get("value") for node in nodes if node.get("role", {}).get("value") == role]

    def choose(self, selector, path):
        root = self.ask("DOM.getDocument")["root"]["nodeId"]
        node = self.ask("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.ask("DOM.setFileInputFiles", files=[str(path)], nodeId=node)

    def close(self):
        self._process.kill()
        self._process.wait()
        for used in (self._out, self._in):
            os.close(used)


@pytest.fixture
def browser(tmp_path, clip):
    made = Browser(tmp_path, clip)
    yield made
    made.close()


@pytest.mark.slow
def test_a_clip_is_answered_explained_and_followed_in_time(browser, door, clip):
    browser.open(f"{door.base}/")
    browser.choose("#file", clip)
    browser.until("!document.getElementById('result').hidden")
    expected = door.predict(clip)
    assert browser.value("document.getElementById('label').textContent").startswith(expected["label"])
    assert json.loads(browser.value("document.getElementById('json').textContent"))["label"] == expected["label"]
    assert browser.value("document.querySelectorAll('#bars tr').length") == len(expected["probabilities"])
    assert browser.value("document.activeElement.id") == "label"
    browser.value("document.getElementById('course').click()")
    browser.until("document.querySelectorAll('#timeline button').length > 0")
    browser.value("document.getElementById('why').click()")
    browser.until("document.querySelectorAll('#reasons h3').length > 0")
    browser.until("[...document.querySelectorAll('#reasons img')].every(image => image.complete && image.naturalWidth)")
    assert browser.value("document.documentElement.scrollWidth <= 390"), "wider than a telephone"


@pytest.mark.slow
def test_the_camera_is_shown_while_it_is_recorded_and_then_sent(browser, door):
    browser.open(f"{door.base}/")
    browser.value("document.getElementById('record').focus()")
    browser.press("Enter")
    browser.until("document.getElementById('record').textContent.startsWith('Stop')")
    assert browser.value("document.getElementById('status').textContent").startswith("Recording")
    browser.until(f"{_SEEN}.videoWidth > 0 && !{_SEEN}.paused && {_SHADES}")
    assert browser.value(f"{_SEEN}.muted && !{_SEEN}.hidden && {_SEEN}.getBoundingClientRect().height > 50")
    assert "What the camera sees" in browser.names("Video")
    assert browser.value("document.activeElement.id") == "record", (
        "whoever stops it by a key has to look for the button"
    )
    assert browser.value("document.documentElement.scrollWidth <= 390"), "wider than a telephone"
    browser.value(f"window.recorded = {_SEEN}.srcObject; undefined")
    time.sleep(2)
    browser.press("Enter")
    browser.until("!document.getElementById('result').hidden")
    assert browser.value(f"{_SEEN}.hidden && {_SEEN}.srcObject === null")
    assert browser.value("window.recorded.getTracks().every(track => track.readyState === 'ended')"), "the camera is on"
    found = json.loads(browser.value("document.getElementById('json').textContent"))
    assert (found["modalities"], found["face"]["people"]) == (["face", "voice"], 1)
    assert found["frames_with_face"] > 0.8 * found["frames"] > 0
    assert browser.value("document.getElementById('status').textContent").startswith("Answered")


@pytest.mark.slow
def test_a_camera_that_is_refused_is_told_and_nothing_is_shown(browser, door):
    browser.open(f"{door.base}/")
    browser.value(
        "navigator.mediaDevices.getUserMedia = async () => { throw new Error('Permission denied'); }; undefined"
    )
    browser.value("document.getElementById('record').click()")
    browser.until("document.getElementById('status').textContent.includes('Permission denied')")
    assert browser.value(f"{_SEEN}.hidden && document.getElementById('record').textContent.startsWith('Record')")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("there", "missing", "modalities"), [("video", "microphone", ["face"]), ("audio", "camera", ["voice"])]
)
def test_who_has_a_camera_alone_or_a_microphone_alone_is_recorded_by_it(browser, door, there, missing, modalities):
    browser.open(f"{door.base}/")
    browser.value(f"""{{
        const devices = navigator.mediaDevices, open = devices.getUserMedia.bind(devices);
        devices.enumerateDevices = async () => [{{ kind: '{there}input' }}];
        devices.getUserMedia = async (wanted) => {{
            if (wanted.video && wanted.audio) throw new DOMException('Requested device not found', 'NotFoundError');
            return open(wanted);
        }};
        }} undefined""")
    browser.value("document.getElementById('record').click()")
    browser.until("document.getElementById('record').textContent.startsWith('Stop')")
    said = browser.value("document.getElementById('status').textContent")
    assert said.startswith(f"Recording without a {missing}, since there is none")
    assert browser.value(f"{_SEEN}.hidden") is (there == "audio")
    time.sleep(3)
    browser.value("document.getElementById('record').click()")
    browser.until("!document.getElementById('result').hidden")
    assert json.loads(browser.value("document.getElementById('json').textContent"))["modalities"] == modalities


@pytest.mark.slow
def test_the_camera_is_opened_once_however_often_it_is_asked_for(browser, door):
    browser.open(f"{door.base}/")
    browser.value(
        "window.opened = 0; navigator.mediaDevices.getUserMedia = () => { opened++; return new Promise(() => 0); }; 0"
    )
    browser.value("for (const _ of [1, 2]) document.getElementById('record').click()")
    assert browser.value("window.opened") == 1


@pytest.mark.slow
def test_what_a_server_refuses_is_said_to_whoever_looks(browser, door, no_clip):
    browser.open(f"{door.base}/")
    browser.choose("#file", no_clip)
    browser.until("document.getElementById('status').textContent.includes('not a readable media file')")
    assert browser.value("document.getElementById('result').hidden")


@pytest.mark.slow
def test_a_clip_may_be_chosen_again_when_it_failed(browser, door, no_clip):
    asked = "performance.getEntriesByType('resource').filter(each => each.name.includes('/predictions/')).length"
    browser.open(f"{door.base}/")
    browser.choose("#file", no_clip)
    browser.until(f"{asked} === 1")
    browser.value("document.getElementById('file').addEventListener('click', event => event.preventDefault())")
    browser.value("document.getElementById('file').click()")  # as whoever chooses does; without the window of files
    browser.choose("#file", no_clip)
    browser.until(f"{asked} === 2")


@pytest.mark.slow
def test_what_is_said_of_a_clip_is_not_shown_beside_another_that_was_chosen_meanwhile(browser, door, sample_clips):
    first, *_, last = sorted(sample_clips.rglob("*.mp4"))
    browser.open(f"{door.base}/")
    browser.value(
        "window.seen = []; window.real = show; show = answer => { seen.push(answer.label); real(answer); }; 0"
    )
    for path in (first, last):
        browser.choose("#file", path)
    browser.until("!document.getElementById('result').hidden")
    for button in ("why", "why", "course"):  # a second click asks nothing
        browser.value(f"document.getElementById('{button}').click()")
    browser.until(
        "document.querySelectorAll('#reasons h3').length && document.querySelectorAll('#timeline button').length"
    )
    assert browser.value("seen") == [door.predict(last)["label"]]
    explained = "performance.getEntriesByType('resource').filter(each => each.name.includes('/explanations/')).length"
    assert browser.value(explained) == 1
    browser.choose("#file", first)
    browser.value("document.getElementById('why').click()")
    browser.choose("#file", last)
    browser.until("document.getElementById('status').textContent.startsWith('Answered')")
    assert browser.value("document.getElementById('reasons').children.length") == 0


@pytest.mark.slow
def test_a_clip_that_no_browser_plays_is_answered_without_a_black_box_and_what_cannot_be_copied_is_told(
    browser, door, clip, tmp_path
):
    other = tmp_path / "clip.avi"
    encoded = ["-c:v", "mpeg4", str(other)]
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(clip), *encoded], check=True)
    browser.open(f"{door.base}/")
    browser.choose("#file", other)
    browser.until("!document.getElementById('result').hidden && document.getElementById('stage').hidden")
    browser.choose("#file", clip)
    browser.until("!document.getElementById('result').hidden && !document.getElementById('stage').hidden")
    browser.value("Object.defineProperty(navigator, 'clipboard', { value: undefined }); 0")
    browser.value("document.getElementById('copy').click()")
    browser.until("document.getElementById('status').textContent.includes('select the text')")


@pytest.mark.slow
def test_a_clip_that_is_dropped_beside_the_field_is_asked_about(browser, door, clip):
    browser.open(f"{door.base}/")
    clip_in_page = f"new File([Uint8Array.from({list(clip.read_bytes())})], 'clip.mp4')"
    browser.value(
        f"window.moved = new DataTransfer(); moved.items.add({clip_in_page}); document.body.dispatchEvent("
        "new DragEvent('drop', { dataTransfer: moved, bubbles: true, cancelable: true })); 0"
    )
    browser.until("!document.getElementById('result').hidden")
