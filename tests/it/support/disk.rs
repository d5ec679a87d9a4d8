//! A small file system, to be filled up.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::tools::finished;
use super::{Place, say};

/// A tmpfs in a directory of a [`Place`], unmounted when dropped: so the place has to outlive it.
pub(crate) struct SmallDisk {
    path: PathBuf,
}

impl SmallDisk {
    /// Mounts one of so many KiB. `None`, which is said, where this user may not mount.
    pub(crate) fn mount(place: &Place, name: &str, kib: u64) -> Option<Self> {
        let path = place.path(name);
        fs::create_dir(&path).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={kib}k"), "tmpfs"]).arg(&path);
        match finished(&mut mount) {
            Ok(_) => Some(Self { path }),
            Err(problem) => {
                say(&format!("NOT TESTED, a full disk: mounting a small one is not possible: {problem}"));
                None
            }
        }
    }

    /// Gives it another size.
    pub(crate) fn resize(&self, kib: u64) {
        let mut remount = Command::new("mount");
        remount.args(["-o", &format!("remount,size={kib}k")]).arg(&self.path);
        finished(&mut remount).unwrap_or_else(|problem| panic!("{problem}"));
    }

    /// KiB that its files take.
    pub(crate) fn used_kib(&self) -> u64 {
        let df = finished(Command::new("df").args(["-k", "--output=used"]).arg(&self.path)).unwrap();
        df.lines().last().and_then(|used| used.trim().parse().ok()).unwrap()
    }

    /// Writes a file of somebody else's that leaves so many KiB.
    pub(crate) fn fill_up_to(&self, left_kib: usize) {
        let mut filler = fs::File::create(self.path.join("somebody-elses")).unwrap();
        let zeros = [0; 1024];
        let mut written = 0;
        while filler.write_all(&zeros).is_ok() {
            written += 1;
        }
        let kept = (written - left_kib) * zeros.len();
        filler.set_len(u64::try_from(kept).unwrap()).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmount = |path: &Path| finished(Command::new("umount").arg(path));
        if let Err(problem) = unmount(&self.path) {
            // Lazily, then: a process that was left behind must not keep it for ever.
            let _ = finished(Command::new("umount").arg("-l").arg(&self.path));
            say(&problem);
        }
    }
}
