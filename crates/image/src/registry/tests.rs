use super::client::is_loopback;
use super::*;

#[test]
fn only_this_machine_s_addresses_are_spoken_to_without_tls() {
    for host in ["localhost", "localhost:5000", "127.0.0.1", "127.1.2.3:5000", "[::1]:5000", "[::1]"] {
        assert!(is_loopback(host), "{host}");
    }
    for host in ["docker.io", "localhost.example.com", "10.0.0.1:5000", "[::2]:80", "127.0.0.1.example.com", "1.2.3.4"]
    {
        assert!(!is_loopback(host), "{host}");
    }
}

#[test]
fn credentials_do_not_show_their_secret() {
    let basic = Credentials::Basic { username: "me".into(), password: "hunter2".into() };
    let shown = format!("{basic:?} {:?}", Credentials::Token("hunter2".into()));
    assert!(!shown.contains("hunter2"), "{shown}");
}
