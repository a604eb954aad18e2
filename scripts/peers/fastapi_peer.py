"""The FastAPI peer of scripts/bench: GET /health and GET /projects from the database x.db in the working folder.

The routes are `async def` and ask SQLite on the event loop, which is the fastest way for questions so short. Below
/threads are the same as `def`, which FastAPI runs in a pool of threads. A new database gets the projects of
projects.json, an answer of the daemon to GET /projects.
"""
import json
import pathlib
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timezone
from typing import Annotated, Optional

from fastapi import Depends, FastAPI
from pydantic import BaseModel, ConfigDict
from sqlalchemy import Text, create_engine, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker


class Base(DeclarativeBase):
    pass


class Project(Base):
    __tablename__ = "projects"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    slug: Mapped[str] = mapped_column(unique=True)
    repository_path: Mapped[Optional[str]]
    current_code: Mapped[Optional[str]] = mapped_column(Text)
    current_commit: Mapped[Optional[str]]
    current_branch: Mapped[str]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class ProjectAnswer(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    slug: str
    repository_path: Optional[str]
    current_code: Optional[str]
    current_commit: Optional[str]
    current_branch: str
    created_at: datetime
    updated_at: datetime


def prepare_database() -> None:
    is_new = not pathlib.Path("x.db").exists()
    Base.metadata.create_all(engine)
    if is_new:
        projects = [ProjectAnswer(**fields) for fields in json.loads(pathlib.Path("projects.json").read_bytes())]
        with Sessions.begin() as session:
            session.add_all(Project(**project.model_dump()) for project in projects)


engine = create_engine("sqlite:///x.db", connect_args={"check_same_thread": False})
Sessions = sessionmaker(engine)
prepare_database()
app = FastAPI()


async def open_session() -> AsyncIterator[Session]:
    with Sessions() as session:
        yield session


def open_session_in_thread() -> Iterator[Session]:
    with Sessions() as session:
        yield session


LoopSession = Annotated[Session, Depends(open_session)]
ThreadSession = Annotated[Session, Depends(open_session_in_thread)]


def health(session: Session) -> dict[str, str]:
    session.execute(text("SELECT 1"))
    return {
        "status": "healthy", "timestamp": datetime.now(timezone.utc).isoformat(), "version": "1.0.0",
        "environment": "development", "region": "local", "app_name": "vibegrapher", "database": "connected",
        "database_type": "sqlite",
    }


def projects(session: Session):
    return session.scalars(select(Project).order_by(Project.created_at.desc())).all()


@app.get("/health")
async def health_on_loop(session: LoopSession) -> dict[str, str]:
    return health(session)


@app.get("/projects", response_model=list[ProjectAnswer])
async def projects_on_loop(session: LoopSession):
    return projects(session)


@app.get("/threads/health")
def health_in_thread(session: ThreadSession) -> dict[str, str]:
    return health(session)


@app.get("/threads/projects", response_model=list[ProjectAnswer])
def projects_in_thread(session: ThreadSession):
    return projects(session)
