-- The rows that citations are made of carry a seal (index/store/rows.py), and texts are known by their hash.

CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE files (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    digest BLOB NOT NULL,
    complete INTEGER NOT NULL
);

CREATE TABLE texts (id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, text TEXT NOT NULL);

CREATE TABLE articles (
    id INTEGER PRIMARY KEY,
    article_id TEXT NOT NULL,
    file INTEGER NOT NULL REFERENCES files ON DELETE CASCADE,
    line INTEGER,
    text INTEGER NOT NULL REFERENCES texts,
    start INTEGER NOT NULL,
    end INTEGER NOT NULL,
    title TEXT NOT NULL,
    url TEXT,
    published TEXT,
    place TEXT,
    agency TEXT,
    author TEXT,
    published_from TEXT,
    part TEXT,
    seal BLOB NOT NULL
);
CREATE INDEX articles_by_id ON articles (article_id);
CREATE INDEX articles_by_file ON articles (file);
CREATE INDEX articles_by_text ON articles (text);

-- By what articles are listed and questions are limited; made of the row of the article alone (index/store/listing.py).
CREATE TABLE listed (
    article INTEGER PRIMARY KEY REFERENCES articles ON DELETE CASCADE,
    outlet TEXT NOT NULL,
    day TEXT,
    words TEXT NOT NULL
);
CREATE INDEX listed_by_day ON listed (day, article);
CREATE INDEX listed_by_outlet ON listed (outlet, day, article);

-- Of each article the key of all its passages together, and the article that stands for it and its copies.
CREATE TABLE article_groups (
    id INTEGER PRIMARY KEY REFERENCES articles ON DELETE CASCADE,
    copy_key INTEGER NOT NULL,
    leader INTEGER NOT NULL
);
CREATE INDEX article_groups_by_copy_key ON article_groups (copy_key);
CREATE INDEX article_groups_by_leader ON article_groups (leader);

CREATE TABLE passages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    article INTEGER NOT NULL REFERENCES articles ON DELETE CASCADE,
    digest BLOB NOT NULL,
    copy_key INTEGER NOT NULL,
    leader INTEGER NOT NULL
);
CREATE INDEX passages_by_article ON passages (article);
CREATE INDEX passages_by_digest ON passages (digest);
CREATE INDEX passages_by_copy_key ON passages (copy_key);
CREATE INDEX passages_by_leader ON passages (leader);

CREATE TABLE sentences (
    id INTEGER PRIMARY KEY,
    passage INTEGER NOT NULL REFERENCES passages ON DELETE CASCADE,
    article INTEGER NOT NULL REFERENCES articles ON DELETE CASCADE,
    start INTEGER NOT NULL,
    end INTEGER NOT NULL,
    line INTEGER NOT NULL,
    paragraph INTEGER NOT NULL,
    caption INTEGER NOT NULL,
    copy_key INTEGER NOT NULL,
    seal BLOB NOT NULL
);
CREATE INDEX sentences_by_passage ON sentences (passage);
CREATE INDEX sentences_by_article ON sentences (article, start);
CREATE INDEX sentences_by_copy_key ON sentences (copy_key);

CREATE TABLE copies (
    sentence INTEGER NOT NULL REFERENCES sentences ON DELETE CASCADE,
    start INTEGER NOT NULL,
    end INTEGER NOT NULL,
    line INTEGER NOT NULL,
    seal BLOB NOT NULL,
    PRIMARY KEY (sentence, start)
) WITHOUT ROWID;

-- What passages that are exact copies of each other have in common, or articles that are (index/store/grouping.py):
-- the first of them, and the wording that stands for it, its own key when it stands for itself.
CREATE TABLE wordings (copy_key INTEGER PRIMARY KEY, first INTEGER NOT NULL, leads INTEGER);
CREATE INDEX wordings_by_leads ON wordings (leads);

-- The keys by which near copies of a wording are found. No index on the wording: its text tells its keys.
CREATE TABLE bands (
    key INTEGER NOT NULL,
    wording INTEGER NOT NULL,
    PRIMARY KEY (key, wording)
) WITHOUT ROWID;

CREATE TABLE vectors (digest BLOB PRIMARY KEY, vector BLOB NOT NULL, seal BLOB NOT NULL) WITHOUT ROWID;

-- The passages that a change added, removed, or made the first of their group or a copy, with the number of the last
-- such change: what the search files that were made before do not know.
CREATE TABLE touched (passage INTEGER PRIMARY KEY, change INTEGER NOT NULL);
CREATE INDEX touched_by_change ON touched (change);

CREATE TRIGGER passage_added AFTER INSERT ON passages BEGIN
    INSERT OR REPLACE INTO touched SELECT NEW.id, value + 1 FROM meta WHERE key = 'change';
END;
CREATE TRIGGER passage_grouped AFTER UPDATE OF leader ON passages WHEN OLD.leader != NEW.leader BEGIN
    INSERT OR REPLACE INTO touched SELECT NEW.id, value + 1 FROM meta WHERE key = 'change';
END;
CREATE TRIGGER passage_removed AFTER DELETE ON passages BEGIN
    INSERT OR REPLACE INTO touched SELECT OLD.id, value + 1 FROM meta WHERE key = 'change';
END;
