//! Where a link leads in the end, in the container's own names.

use sprat_image::MAX_LINKS_FOLLOWED;
use sprat_sandbox::files::{Follow, Kind};

use super::visit::{Visit, relative};

impl Visit {
    /// The path that `path` means when all links in it are followed; what is missing stands as it is written. Empty if the
    /// links lead nowhere.
    pub(super) fn evaluate(&self, path: &str) -> String {
        let mut left: Vec<String> = reversed(path);
        let mut done: Vec<String> = Vec::new();
        let mut links = 0;
        while let Some(name) = left.pop() {
            if name == ".." {
                done.pop();
                continue;
            }
            let at = format!("/{}", [done.as_slice(), std::slice::from_ref(&name)].concat().join("/"));
            let is_link = |kind| kind == Kind::Symlink;
            if self.view.stat_at(&self.root, relative(&at), Follow::No).is_ok_and(|stat| is_link(stat.kind)) {
                links += 1;
                let Ok(target) = self.view.read_link(&self.root, relative(&at)) else { return String::new() };
                if links > MAX_LINKS_FOLLOWED {
                    return String::new();
                }
                if target.starts_with('/') {
                    done.clear();
                }
                left.extend(reversed(&target));
                continue;
            }
            done.push(name);
        }
        format!("/{}", done.join("/"))
    }
}

fn reversed(path: &str) -> Vec<String> {
    path.rsplit('/').filter(|name| !name.is_empty() && *name != ".").map(str::to_owned).collect()
}
