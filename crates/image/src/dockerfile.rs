//! The Dockerfile language: parsing only.
