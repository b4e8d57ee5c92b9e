#pragma once

// Catch2 v2 (Debian 12) and v3 (upstream) differ in their headers only, as far as these tests use them.
#ifdef MYDHT_CATCH_V3
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif
