-- PostgreSQL's form of the triggers: one function, told what and by which column.
CREATE FUNCTION note_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    concerned TEXT;
    number BIGINT;
BEGIN
    IF TG_NARGS < 2 THEN concerned := '';
    ELSIF TG_OP = 'DELETE' THEN concerned := to_jsonb(OLD) ->> TG_ARGV[1];
    ELSE concerned := to_jsonb(NEW) ->> TG_ARGV[1];
    END IF;
    IF concerned IS NULL THEN RETURN NULL; END IF;
    UPDATE counter SET value = value + 1 WHERE name = 'changed' RETURNING value INTO number;
    INSERT INTO changed (what, id, version) VALUES (TG_ARGV[0], concerned, number)
    ON CONFLICT (what, id) DO UPDATE SET version = excluded.version;
    RETURN NULL;
END $$;
CREATE TRIGGER patient_changed AFTER INSERT OR UPDATE OR DELETE ON patient FOR EACH ROW EXECUTE FUNCTION note_changed('patient', 'id');
CREATE TRIGGER patient_unit_changed AFTER INSERT OR UPDATE OR DELETE ON patient_unit FOR EACH ROW EXECUTE FUNCTION note_changed('patient', 'patient');
CREATE TRIGGER plan_event_changed AFTER INSERT OR UPDATE OR DELETE ON plan_event FOR EACH ROW EXECUTE FUNCTION note_changed('patient', 'patient');
CREATE TRIGGER task_changed AFTER INSERT OR UPDATE OR DELETE ON task FOR EACH ROW EXECUTE FUNCTION note_changed('patient', 'patient');
CREATE TRIGGER worn_by_changed AFTER INSERT OR UPDATE OR DELETE ON worn_by FOR EACH ROW EXECUTE FUNCTION note_changed('device', 'device');
CREATE TRIGGER gateway_changed AFTER INSERT OR UPDATE OR DELETE ON gateway FOR EACH ROW EXECUTE FUNCTION note_changed('gateway', 'id');
CREATE TRIGGER unit_changed AFTER INSERT OR UPDATE OR DELETE ON unit FOR EACH ROW EXECUTE FUNCTION note_changed('house');
CREATE TRIGGER organisation_changed AFTER INSERT OR UPDATE OR DELETE ON organisation FOR EACH ROW EXECUTE FUNCTION note_changed('house');
