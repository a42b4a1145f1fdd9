//! The journal: exits, appended as they happen, so that none is lost when daemon and worker both die.
