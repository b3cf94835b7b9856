-- SQLite's form of the triggers: one a table and kind of statement.
CREATE TRIGGER patient_changed_by_insert AFTER INSERT ON patient BEGIN
    UPDATE counter SET value = value + 1 WHERE name = 'changed';
    INSERT INTO changed (what, id, version) SELECT 'patient', NEW.id, value FROM counter WHERE name = 'changed'
    ON CONFLICT (what, id) DO UPDATE SET version = excluded.version;
END;
CREATE TRIGGER patient_changed_by_update AFTER UPDATE ON patient BEGIN
    UPDATE counter SET value = value + 1 WHERE name = 'changed';
    INSERT INTO changed (what, id, version) SELECT 'patient', NEW.id, value FROM counter WHERE name = 'changed'
    ON CONFLICT (what, id) DO UPDATE SET version = excluded.version;
END;
CREATE TRIGGER patient_changed_by_delete AFTER DELETE ON patient BEGIN
    UPDATE counter SET value = value + 1 WHERE name = 'changed';
    INSERT INTO changed (what, id, version) SELECT 'patient', OLD.id, value FROM counter WHERE name = 'changed'
    ON CONFLICT (what, id) DO UPDATE SET version = excluded.version;
END;
CREATE TRIGGER patient_unit_changed_by_insert AFTER INSERT ON patient_unit BEGIN
    UPDATE counter SET value = value + 1 WHERE name = 'changed';
    INSERT INTO changed (what, id, version) SELECT 'patient', NEW.patient, value FROM counter WHERE name = 'changed'
    ON CONFLICT (what, id) DO UPDATE SET version = excluded.version;
END;
CREATE TRIGGER patient_unit_changed_by_update AFTER UPDATE ON patient_unit BEGIN
    UPDATE counter SET value = value + 1 WHERE name = 'changed';
    INSERT INTO changed (what, id, version) SELECT 'patient', NEW.patient, value FROM counter WHERE name = 'changed'
    ON CONFLICT (what, id) DO UPDATE SET version = excluded.version;
END;
CREATE TRIGGER patient_unit_changed_by_delete AFTER DELETE ON patient_unit BEGIN
    UPDATE counter SET value = value + 1 WHERE name = 'changed';
    INSERT INTO changed (what, id, version) SELECT 'patient', OLD.patient, value FROM counter WHERE name = 'changed'
    ON CONFLICT (what, id) DO UPDATE SET version = excluded.version;
END;
CREATE TRIGGER plan_event_changed_by_insert AFTER INSERT ON plan_event BEGIN
    UPDATE counter SET value = value + 1 WHERE name = 'changed';
    INSERT INTO changed (what, id, version) SELECT 'patient', NEW.patient, value FROM counter WHERE name = 'changed'
    ON CONFLICT (what, id) DO UPDATE SET version = excluded.version;
END;
CREATE TRIGGER plan_event_changed_by_update AFTER UPDATE ON plan_event BEGIN
    UPDATE counter SET value = value + 1 WHERE name = 'changed';
    INSERT INTO changed (what, id, version) SELECT 'patient', NEW.patient, value FROM counter WHERE name = 'changed'
    ON CONFLICT (what, id) DO UPDATE SET version = excluded.version;
END;
CREATE TRIGGER plan_event_changed_by_delete AFTER DELETE ON plan_event BEGIN
    UPDATE counter SET value = value + 1 WHERE name = 'changed';
    INSERT INTO changed (what, id, version) SELECT 'patient', OLD.patient, value FROM counter WHERE name = 'changed'
    ON CONFLICT (what, id) DO UPDATE SET version = excluded.version;
END;
CREATE TRIGGER task_changed_by_insert AFTER INSERT ON task WHEN NEW.patient IS NOT NULL BEGIN
    UPDATE counter SET value = value + 1 WHERE name = 'changed';
    INSERT INTO changed (what, id, version) SELECT 'patient', NEW.patient, value FROM counter WHERE name = 'changed'
    ON CONFLICT (what, id) DO UPDATE SET version = excluded.version;
END;
CREATE TRIGGER task_changed_by_update AFTER UPDATE ON task WHEN NEW.patient IS NOT NULL BEGIN
    UPDATE counter SET value = value + 1 WHERE name = 'changed';
    INSERT INTO changed (what, id, version) SELECT 'patient', NEW.patient, value FROM counter WHERE name = 'changed'
    ON CONFLICT (what, id) DO UPDATE SET version = excluded.version;
END;
CREATE TRIGGER task_changed_by_delete AFTER DELETE ON task WHEN OLD.patient IS NOT NULL BEGIN
    UPDATE counter SET value = value + 1 WHERE name = 'changed';
    INSERT INTO changed (what, id, version) SELECT 'patient', OLD.patient, value FROM counter WHERE name = 'changed'
    ON CONFLICT (what, id) DO UPDATE SET version = excluded.version;
END;
CREATE TRIGGER worn_by_changed_by_insert AFTER INSERT ON worn_by BEGIN
    UPDATE counter SET value = value + 1 WHERE name = 'changed';
    INSERT INTO changed (what, id, version) SELECT 'device', NEW.device, value FROM counter WHERE name = 'changed'
    ON CONFLICT (what, id) DO UPDATE SET version = excluded.version;
END;
CREATE TRIGGER worn_by_changed_by_update AFTER UPDATE ON worn_by BEGIN
    UPDATE counter SET value = value + 1 WHERE name = 'changed';
    INSERT INTO changed (what, id, version) SELECT 'device', NEW.device, value FROM counter WHERE name = 'changed'
    ON CONFLICT (what, id) DO UPDATE SET version = excluded.version;
END;
CREATE TRIGGER worn_by_changed_by_delete AFTER DELETE ON worn_by BEGIN
    UPDATE counter SET value = value + 1 WHERE name = 'changed';
    INSERT INTO changed (what, id, version) SELECT 'device', OLD.device, value FROM counter WHERE name = 'changed'
    ON CONFLICT (what, id) DO UPDATE SET version = excluded.version;
END;
CREATE TRIGGER gateway_changed_by_insert AFTER INSERT ON gateway BEGIN
    UPDATE counter SET value = value + 1 WHERE name = 'changed';
    INSERT INTO changed (what, id, version) SELECT 'gateway', NEW.id, value FROM counter WHERE name = 'changed'
    ON CONFLICT (what, id) DO UPDATE SET version = excluded.version;
END;
CREATE TRIGGER gateway_changed_by_update AFTER UPDATE ON gateway BEGIN
    UPDATE counter SET value = value + 1 WHERE name = 'changed';
    INSERT INTO changed (what, id, version) SELECT 'gateway', NEW.id, value FROM counter WHERE name = 'changed'
    ON CONFLICT (what, id) DO UPDATE SET version = excluded.version;
END;
CREATE TRIGGER gateway_changed_by_delete AFTER DELETE ON gateway BEGIN
    UPDATE counter SET value = value + 1 WHERE name = 'changed';
    INSERT INTO changed (what, id, version) SELECT 'gateway', OLD.id, value FROM counter WHERE name = 'changed'
    ON CONFLICT (what, id) DO UPDATE SET version = excluded.version;
END;
CREATE TRIGGER unit_changed_by_insert AFTER INSERT ON unit BEGIN
    UPDATE counter SET value = value + 1 WHERE name = 'changed';
    INSERT INTO changed (what, id, version) SELECT 'house', '', value FROM counter WHERE name = 'changed'
    ON CONFLICT (what, id) DO UPDATE SET version = excluded.version;
END;
CREATE TRIGGER unit_changed_by_update AFTER UPDATE ON unit BEGIN
    UPDATE counter SET value = value + 1 WHERE name = 'changed';
    INSERT INTO changed (what, id, version) SELECT 'house', '', value FROM counter WHERE name = 'changed'
    ON CONFLICT (what, id) DO UPDATE SET version = excluded.version;
END;
CREATE TRIGGER unit_changed_by_delete AFTER DELETE ON unit BEGIN
    UPDATE counter SET value = value + 1 WHERE name = 'changed';
    INSERT INTO changed (what, id, version) SELECT 'house', '', value FROM counter WHERE name = 'changed'
    ON CONFLICT (what, id) DO UPDATE SET version = excluded.version;
END;
CREATE TRIGGER organisation_changed_by_insert AFTER INSERT ON organisation BEGIN
    UPDATE counter SET value = value + 1 WHERE name = 'changed';
    INSERT INTO changed (what, id, version) SELECT 'house', '', value FROM counter WHERE name = 'changed'
    ON CONFLICT (what, id) DO UPDATE SET version = excluded.version;
END;
CREATE TRIGGER organisation_changed_by_update AFTER UPDATE ON organisation BEGIN
    UPDATE counter SET value = value + 1 WHERE name = 'changed';
    INSERT INTO changed (what, id, version) SELECT 'house', '', value FROM counter WHERE name = 'changed'
    ON CONFLICT (what, id) DO UPDATE SET version = excluded.version;
END;
CREATE TRIGGER organisation_changed_by_delete AFTER DELETE ON organisation BEGIN
    UPDATE counter SET value = value + 1 WHERE name = 'changed';
    INSERT INTO changed (what, id, version) SELECT 'house', '', value FROM counter WHERE name = 'changed'
    ON CONFLICT (what, id) DO UPDATE SET version = excluded.version;
END;
