//! The template, with one line changed: where functions post to.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use super::build::root;

/// A folder with the changed template, and all that belongs beside it. It goes with the value.
pub struct Template {
    folder: PathBuf,
}

impl Template {
    /// Has the functions post to this address, which speaks for the management API.
    pub fn posting_to(address: SocketAddr) -> Self {
        // Inside the workspace, where cargo finds it.
        let folder = root().join(format!("target/bench-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        for name in ["functions", "samconfig.toml"] {
            symlink(root().join(name), folder.join(name)).unwrap();
        }
        let text = fs::read_to_string(root().join("template.yaml")).unwrap();
        let lines = text.lines().map(|line| match line.split_once("MANAGEMENT_ENDPOINT:") {
            Some((before, _)) => format!("{before}MANAGEMENT_ENDPOINT: http://{address}/local\n"),
            None => format!("{line}\n"),
        });
        fs::write(folder.join("template.yaml"), lines.collect::<String>()).unwrap();
        Self { folder }
    }

    /// The template's path.
    pub fn path(&self) -> PathBuf {
        self.folder.join("template.yaml")
    }
}

impl Drop for Template {
    fn drop(&mut self) {
        // One by one: links go as links, and what they lead to stays.
        for name in ["functions", "samconfig.toml", "template.yaml"] {
            let _ = fs::remove_file(self.folder.join(name));
        }
        let _ = fs::remove_dir(&self.folder);
    }
}
