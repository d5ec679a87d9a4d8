//! Microsoft's own emulator of its blob storage, by npm.
//!
//! Guarantees: installed once, in the build's own folder; a port of its own; killed when dropped.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::Rtk;
use super::tools::{finished, have_npm};

/// The last one for the Node.js of Debian 12; later ones want 22.
const PACKAGE: &str = "azurite@3.35.0";
/// How long it may take to listen.
const PATIENCE: Duration = Duration::from_mins(2);
/// Makes a container, signed with the key that every emulator has.
const MAKE_CONTAINER: &str = r#"
import base64, datetime, hashlib, hmac, http.client, sys
port, name, account = sys.argv[1], sys.argv[2], "devstoreaccount1"
key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
date = datetime.datetime.now(datetime.timezone.utc).strftime("%a, %d %b %Y %H:%M:%S GMT")
headers = f"x-ms-date:{date}\nx-ms-version:2021-12-02\n"
text = "PUT" + "\n" * 12 + headers + f"/{account}/{account}/{name}\nrestype:container"
signature = hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()
connection = http.client.HTTPConnection("127.0.0.1", int(port))
connection.request("PUT", f"/{account}/{name}?restype=container", headers={
    "x-ms-date": date, "x-ms-version": "2021-12-02", "Content-Length": "0",
    "Authorization": f"SharedKey {account}:{base64.b64encode(signature).decode()}"})
reply = connection.getresponse()
assert reply.status == 201, (reply.status, reply.read())
"#;

/// A running emulator with one container, `bucket`.
pub(crate) struct Azurite {
    process: Child,
    port: u16,
    _data: TempDir,
}

impl Azurite {
    /// Starts it, installed if need be.
    pub(crate) fn start() -> Self {
        let script = installed().as_ref().unwrap_or_else(|problem| panic!("{problem}"));
        let data = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new("node")
            .arg(script)
            .args([
                "--silent",
                "--skipApiVersionCheck",
                "--disableTelemetry",
                "--blobPort",
                &port.to_string(),
            ])
            .arg("--location")
            .arg(data.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let azurite = Self { process, port, _data: data };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "the emulator does not listen");
            thread::sleep(Duration::from_millis(20));
        }
        finished(Command::new("python3").args(["-c", MAKE_CONTAINER, &port.to_string(), "bucket"])).unwrap();
        azurite
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Rtk {
    /// With what leads to this emulator.
    pub(crate) fn storing_in_azure(self, azurite: &Azurite) -> Self {
        self.env("AZURE_STORAGE_USE_EMULATOR", "true")
            .env("AZURITE_BLOB_STORAGE_URL", &format!("http://127.0.0.1:{}", azurite.port))
    }
}

/// Its program, installed if need be.
fn installed() -> &'static Result<PathBuf, String> {
    static INSTALLED: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(PACKAGE);
        // There once all of it is.
        let ready = folder.join("ready");
        if !ready.exists() {
            have_npm()?;
            let arguments = ["install", "--no-audit", "--no-fund", "--prefix"];
            finished(Command::new("npm").args(arguments).arg(&folder).arg(PACKAGE))
                .map_err(|problem| format!("Azure's emulator cannot be installed: {problem}"))?;
            fs::write(&ready, "").map_err(|error| format!("{}: {error}", ready.display()))?;
        }
        Ok(folder.join("node_modules/azurite/dist/src/blob/main.js"))
    })
}
