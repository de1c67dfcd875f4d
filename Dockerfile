# ftui as a container. Written and linted by reading and by tests of its parts; it was not built where it was written.
#   CPU    docker build -t ftui . && docker run -p 7860:7860 -v ftui:/data ftui
#   CUDA   docker build -t ftui:cuda --build-arg TORCH=cu126 . && docker run --gpus all -p 7860:7860 -v ftui:/data ftui:cuda
# Others can reach a container, so it wants a login: it stands in the container's output, or give one: -e FTUI_AUTH=USER:PASSWORD
FROM python:3.11-slim
ARG TORCH=cpu
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir "$(grep '^torch==' requirements.txt)" --index-url https://download.pytorch.org/whl/${TORCH} \
 && pip install --no-cache-dir -r requirements.txt
COPY LICENSE app.py ./
COPY ftui ftui
COPY assets assets
RUN useradd --create-home --uid 1000 ftui && mkdir /data && chown ftui /data
USER ftui
ENV GRADIO_SERVER_NAME=0.0.0.0 GRADIO_SERVER_PORT=7860 FTUI_HOME=/data/ftui HF_HOME=/data/huggingface PYTHONUNBUFFERED=1
VOLUME /data
EXPOSE 7860
HEALTHCHECK --start-period=60s CMD python -c "import urllib.request as r; r.urlopen('http://127.0.0.1:7860/favicon.ico')"
CMD ["python", "app.py"]
