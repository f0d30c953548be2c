"""Mail: samples of many clients and languages, written for these tests."""
