-- The day's readings stand together in every index, whoever they are of: a batch from many homes changes a few pages of each, and the
-- pages of past weeks rest. One patient's are found week by week (604,800,000 ms), a device's latest day by day of its own clock.
DROP INDEX reading_by_patient;
CREATE INDEX reading_by_week ON reading ((at / 604800000), patient, at);
DROP INDEX reading_by_device;
CREATE UNIQUE INDEX reading_by_device_day ON reading ((SUBSTR(device_time, 1, 10)), device, device_time, dedup) WHERE dedup IS NOT NULL;
