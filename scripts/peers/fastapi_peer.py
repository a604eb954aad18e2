"""The peer of `scripts/bench http`: the same two routes by FastAPI, SQLAlchemy and uvicorn."""
import os
import uuid
from datetime import datetime, timezone
from typing import Optional

from fastapi import Depends, FastAPI
from pydantic import BaseModel, ConfigDict
from sqlalchemy import String, Text, create_engine, func, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

engine = create_engine(f"sqlite:///{os.environ['PEER_DATABASE']}", connect_args={"check_same_thread": False})
sessions = sessionmaker(engine)


class Base(DeclarativeBase):
    pass


class Project(Base):
    __tablename__ = "projects"
    id: Mapped[str] = mapped_column(String, primary_key=True)
    name: Mapped[str]
    slug: Mapped[str] = mapped_column(String, unique=True)
    repository_path: Mapped[Optional[str]]
    current_code: Mapped[Optional[str]] = mapped_column(Text)
    current_commit: Mapped[Optional[str]]
    current_branch: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


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


Base.metadata.create_all(engine)
with sessions() as session, open(os.environ["PEER_CODE"], encoding="utf-8") as code:
    source = code.read()
    session.add_all(
        Project(
            id=str(uuid.uuid4()), name=f"Bench project {n}", slug=f"bench-project-{n}", current_code=source,
            repository_path=f"media/projects/bench-project-{n}", current_commit=uuid.uuid4().hex, current_branch="main")
        for n in range(50))
    session.commit()

app = FastAPI()


def database():
    session = sessions()
    try:
        yield session
    finally:
        session.close()


@app.get("/health")
def health(session: Session = Depends(database)):
    session.execute(text("SELECT 1"))
    return {
        "status": "healthy", "timestamp": datetime.now(timezone.utc).isoformat(), "version": "1.0.0",
        "environment": "development", "region": "local", "app_name": "vibegrapher", "database": "connected",
        "database_type": "sqlite",
    }


@app.get("/projects", response_model=list[ProjectAnswer])
def projects(session: Session = Depends(database)):
    return session.scalars(select(Project).order_by(Project.created_at.desc())).all()
