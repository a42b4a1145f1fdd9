//! The order of services: what others need comes first.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Code, ComposeError};
use crate::project::Service;

/// Names of services, each after all that it depends on.
///
/// # Errors
/// If services depend on one another in a circle, which is named.
pub fn sorted(services: &BTreeMap<String, Service>) -> Result<Vec<String>, ComposeError> {
    let mut order = Vec::new();
    let mut placed = BTreeSet::new();
    while order.len() < services.len() {
        let free: Vec<_> = services
            .values()
            .filter(|s| !placed.contains(s.name.as_str()))
            .filter(|s| s.depends_on.keys().all(|n| placed.contains(n.as_str()) || !services.contains_key(n)))
            .map(|s| s.name.as_str())
            .collect();
        if free.is_empty() {
            return Err(ComposeError::new(
                Code::Cycle,
                format!("dependency cycle detected: {}", circle(services, &placed)),
            )
            .fix("break the circle in depends_on, links or network_mode"));
        }
        placed.extend(free.iter().copied());
        order.extend(free.into_iter().map(str::to_owned));
    }
    Ok(order)
}

/// `a -> b -> a`
fn circle(services: &BTreeMap<String, Service>, placed: &BTreeSet<&str>) -> String {
    let mut walk: Vec<&str> = Vec::new();
    let mut at = services.keys().map(String::as_str).find(|name| !placed.contains(name));
    while let Some(name) = at {
        if let Some(start) = walk.iter().position(|seen| *seen == name) {
            walk.push(name);
            return walk.get(start..).unwrap_or_default().join(" -> ");
        }
        walk.push(name);
        let needs = services.get(name).map(|s| s.depends_on.keys().map(String::as_str));
        at = needs.into_iter().flatten().find(|n| !placed.contains(n) && services.contains_key(*n));
    }
    walk.join(" -> ")
}
