//! `--mount`, with all keys that docker has, as an entry of `Mounts` (Docker Engine API). What the daemon does not offer
//! it refuses itself.

use serde_json::{Map, Value, json};

use super::body::absolute;
use crate::error::CliError;
use crate::quantity::bytes;

/// Reads one flag: `type=bind,source=…,target=…[,readonly]`; a part with a comma in it is quoted as in CSV.
pub(super) fn mount(text: &str) -> Result<Value, CliError> {
    let wrong = |why: String| {
        CliError::new(format!("invalid --mount {text:?}"))
            .why(why)
            .fix("write type=bind|volume|tmpfs,source=…,target=…[,readonly]")
            .status(125)
    };
    let mut mount = json!({"Type": "volume"});
    for part in parts(text) {
        set(&mut mount, &part).map_err(wrong)?;
    }
    let kind = mount.get("Type").and_then(Value::as_str).unwrap_or_default().to_owned();
    if mount.get("Target").is_none() {
        return Err(wrong("target is required".to_owned()));
    }
    for (options, of) in
        [("BindOptions", "bind"), ("VolumeOptions", "volume"), ("TmpfsOptions", "tmpfs"), ("ImageOptions", "image")]
    {
        if kind != of && mount.get(options).is_some() {
            return Err(wrong(format!("cannot mix '{of}-*' options with mount type '{kind}'")));
        }
    }
    if kind == "bind"
        && let Some(source) = mount.get("Source").and_then(Value::as_str).map(str::to_owned)
        && source.starts_with('.')
        && let Some(fields) = mount.as_object_mut()
    {
        fields.insert("Source".to_owned(), json!(absolute(&source)?));
    }
    Ok(mount)
}

/// The parts of a line of CSV.
fn parts(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let Some(part) = parts.last_mut() else { break };
        match c {
            '"' if quoted && chars.next_if_eq(&'"').is_some() => part.push('"'),
            '"' => quoted = !quoted,
            ',' if !quoted => parts.push(String::new()),
            c => part.push(c),
        }
    }
    parts
}

fn set(mount: &mut Value, part: &str) -> Result<(), String> {
    let (key, value) = part.split_once('=').map_or((part, None), |(key, value)| (key, Some(value)));
    let key = key.to_lowercase();
    let switch = || switch(&key, value);
    let given = || value.ok_or_else(|| format!("invalid field '{part}' must be a key=value pair"));
    match key.as_str() {
        "type" => put(mount, &["Type"], json!(given()?.to_lowercase())),
        "source" | "src" => put(mount, &["Source"], json!(given()?)),
        "target" | "destination" | "dst" => put(mount, &["Target"], json!(given()?)),
        "readonly" | "ro" => put(mount, &["ReadOnly"], json!(switch()?)),
        "consistency" => put(mount, &["Consistency"], json!(given()?)),
        "bind-propagation" => put(mount, &["BindOptions", "Propagation"], json!(given()?)),
        "bind-nonrecursive" => put(mount, &["BindOptions", "NonRecursive"], json!(switch()?)),
        "bind-recursive" => match given()? {
            "enabled" => {}
            "disabled" => put(mount, &["BindOptions", "NonRecursive"], json!(true)),
            "writable" => put(mount, &["BindOptions", "ReadOnlyNonRecursive"], json!(true)),
            "readonly" => put(mount, &["BindOptions", "ReadOnlyForceRecursive"], json!(true)),
            other => {
                return Err(format!(
                    "invalid value for bind-recursive: {other}: use enabled, disabled, writable or readonly"
                ));
            }
        },
        "volume-nocopy" => put(mount, &["VolumeOptions", "NoCopy"], json!(switch()?)),
        "volume-subpath" => put(mount, &["VolumeOptions", "Subpath"], json!(given()?)),
        "volume-driver" => put(mount, &["VolumeOptions", "DriverConfig", "Name"], json!(given()?)),
        "volume-label" | "volume-opt" => {
            let (name, value) = given()?.split_once('=').unwrap_or((given()?, ""));
            let list: &[&str] = if key == "volume-opt" { &["DriverConfig", "Options"] } else { &["Labels"] };
            put(mount, &[&["VolumeOptions"], list, &[name]].concat(), json!(value));
        }
        "image-subpath" => put(mount, &["ImageOptions", "Subpath"], json!(given()?)),
        "tmpfs-size" => {
            let size = bytes("tmpfs-size", given()?).map_err(|error| error.what)?;
            put(mount, &["TmpfsOptions", "SizeBytes"], json!(size));
        }
        "tmpfs-mode" => {
            let mode = u32::from_str_radix(given()?, 8);
            put(
                mount,
                &["TmpfsOptions", "Mode"],
                json!(mode.map_err(|_| format!("invalid value for {key}: {}", value.unwrap_or_default()))?),
            );
        }
        _ => return Err(format!("unexpected key '{key}' in '{part}'")),
    }
    Ok(())
}

/// A key alone is true.
fn switch(key: &str, value: Option<&str>) -> Result<bool, String> {
    match value {
        None | Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
        Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
        Some(other) => Err(format!("invalid value for {key}: {other}")),
    }
}

/// Puts a value at a path of keys.
fn put(into: &mut Value, path: &[&str], value: Value) {
    let Some((key, rest)) = path.split_first() else { return };
    if !into.is_object() {
        *into = Value::Object(Map::new());
    }
    let Some(fields) = into.as_object_mut() else { return };
    if rest.is_empty() {
        fields.insert((*key).to_owned(), value);
    } else {
        put(fields.entry(*key).or_insert_with(|| json!({})), rest, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_need_a_target_and_known_keys() {
        for (text, why) in [
            ("type=bind,source=/a", "target is required"),
            ("type=bind,target=/a,colour=red", "unexpected key 'colour'"),
            ("type=tmpfs,dst=/t,ro=maybe", "invalid value for ro"),
            ("type=tmpfs,dst=/t,volume-nocopy", "cannot mix 'volume-*' options with mount type 'tmpfs'"),
            ("type=tmpfs,dst=/t,tmpfs-mode=9", "invalid value for tmpfs-mode"),
            ("type,dst=/t", "must be a key=value pair"),
        ] {
            assert!(mount(text).unwrap_err().why.contains(why), "{text}");
        }
    }

    #[test]
    fn every_key_of_docker_is_read() {
        assert_eq!(mount("type=tmpfs,dst=/t,ro").unwrap(), json!({"Type": "tmpfs", "Target": "/t", "ReadOnly": true}));
        assert_eq!(
            mount("type=tmpfs,dst=/t,tmpfs-size=4k,tmpfs-mode=700").unwrap(),
            json!({"Type": "tmpfs", "Target": "/t", "TmpfsOptions": {"SizeBytes": 4096, "Mode": 0o700}})
        );
        let volume =
            "src=v,target=/v,volume-nocopy,volume-label=a=b=c,volume-label=d,volume-driver=local,volume-opt=o=x";
        let options = json!({
            "NoCopy": true,
            "Labels": {"a": "b=c", "d": ""},
            "DriverConfig": {"Name": "local", "Options": {"o": "x"}},
        });
        assert_eq!(
            mount(volume).unwrap(),
            json!({"Type": "volume", "Source": "v", "Target": "/v", "VolumeOptions": options})
        );
        let bind = mount("type=BIND,\"source=/a,b\",destination=/x,readonly=false,bind-propagation=rprivate").unwrap();
        assert_eq!((bind["Source"].as_str(), bind["Type"].as_str()), (Some("/a,b"), Some("bind")));
        assert!(mount("type=bind,src=./x,dst=/x").unwrap()["Source"].as_str().unwrap().starts_with('/'));
    }
}
