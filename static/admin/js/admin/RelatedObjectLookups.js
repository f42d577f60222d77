// Stands in for the admin's own script of this name: no page of the staff opens windows, and the
// other listens for `unload`, which browsers are about to drop.
"use strict";
