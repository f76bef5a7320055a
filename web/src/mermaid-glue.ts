/* Draws the diagrams, in the site's palette and again when it is switched. A classic script whose name contains
   "mermaid": then mermaid2 adds no script of its own, and its inline `mermaid.initialize({…})` finds the stub below. */

import type { Mermaid, MermaidConfig } from "mermaid";

type Stub = Pick<Mermaid, "initialize"> & { render(id: string, text: string): Promise<unknown> };

(() => {
  const here = (document.currentScript as HTMLScriptElement).src;
  let given: MermaidConfig = {};
  let library: Promise<Mermaid> | null = null;
  let count = 0;
  let chain: Promise<void> = Promise.resolve();

  const load = (): Promise<Mermaid> => {
    library ??= (import(new URL("mermaid-lib.js", here).href) as Promise<{ default: Mermaid }>).then((module) => module.default);
    library.catch(() => {
      library = null;
    });
    return library;
  };

  const stub: Stub = {
    initialize: (config) => {
      given = config;
    },
    render: async (id, text) => (await load()).render(id, text),
  };
  (window as unknown as { mermaid: Stub }).mermaid = stub;

  const SMALLEST = 0.62; // of a diagram's own size

  const dark = (): boolean => document.body.getAttribute("data-md-color-scheme") === "slate";

  const LIGHT = { node: "#eef1fd", border: "#7d8ce0", text: "#1f2433", line: "#6a7183", group: "#f7f8fc", groupBorder: "#cdd3e6", label: "#ffffff" };
  const DARK = { node: "#262c45", border: "#8494ea", text: "#e3e7f2", line: "#9aa3b8", group: "#1c2030", groupBorder: "#3b435e", label: "#232836" };

  const config = (): MermaidConfig => {
    const c = dark() ? DARK : LIGHT;
    const fontFamily = getComputedStyle(document.body).fontFamily;
    return {
      ...given,
      startOnLoad: false,
      securityLevel: "strict",
      theme: "base",
      fontFamily,
      flowchart: { curve: "basis", padding: 12, nodeSpacing: 40, rankSpacing: 46, subGraphTitleMargin: { top: 6, bottom: 14 } },
      sequence: { actorFontSize: 16, messageFontSize: 16, noteFontSize: 16 },
      themeVariables: {
        darkMode: dark(),
        fontFamily,
        fontSize: "15px",
        background: "transparent",
        primaryColor: c.node,
        primaryBorderColor: c.border,
        primaryTextColor: c.text,
        secondaryColor: c.group,
        secondaryBorderColor: c.groupBorder,
        secondaryTextColor: c.text,
        tertiaryColor: c.group,
        tertiaryBorderColor: c.groupBorder,
        tertiaryTextColor: c.text,
        lineColor: c.line,
        textColor: c.text,
        titleColor: c.text,
        clusterBkg: c.group,
        clusterBorder: c.groupBorder,
        edgeLabelBackground: c.label,
        noteBkgColor: c.group,
        noteTextColor: c.text,
        noteBorderColor: c.groupBorder,
      },
      themeCSS: ".node rect,.node polygon,.node circle{stroke-width:1.25px}.node rect{rx:6px;ry:6px}.cluster rect{rx:8px;ry:8px}.cluster-label{font-weight:600}.edgeLabel{font-size:13px}",
    };
  };

  /** A wide diagram is scaled down only so far that its words can be read; beyond that it scrolls, by keys too. */
  const legible = (element: HTMLElement): void => {
    const svg = element.querySelector("svg");
    if (!svg) return;
    svg.style.minWidth = `${Math.round(svg.viewBox.baseVal.width * SMALLEST)}px`;
    if (element.scrollWidth <= element.clientWidth) return;
    element.tabIndex = 0;
    element.setAttribute("role", "group");
    element.setAttribute("aria-label", "Diagram");
  };

  const drawOne = async (mermaid: Mermaid, element: HTMLElement, palette: string): Promise<void> => {
    if (element.dataset.palette === palette) return;
    element.dataset.source ??= element.textContent ?? "";
    const id = `diagram-${++count}`;
    try {
      const { svg, bindFunctions } = await mermaid.render(id, element.dataset.source);
      element.innerHTML = svg;
      bindFunctions?.(element);
      legible(element);
      for (const label of element.querySelectorAll<HTMLElement>(".nodeLabel")) {
        label.classList.toggle("diagram-tree", label.textContent?.includes("├") ?? false); // a folder's tree is no centred text
      }
      element.dataset.palette = palette;
    } catch (error) {
      document.getElementById(`d${id}`)?.remove();
      element.textContent = element.dataset.source;
      element.dataset.error = error instanceof Error ? error.message : "";
    }
  };

  const drawAll = async (): Promise<void> => {
    const diagrams = [...document.querySelectorAll<HTMLElement>("div.mermaid")];
    if (!diagrams.length) return;
    const palette = dark() ? "dark" : "light";
    await document.fonts.ready; // boxes are measured in the font they are shown in
    const mermaid = await load();
    mermaid.initialize(config());
    for (const element of diagrams) await drawOne(mermaid, element, palette);
  };

  const draw = (): void => {
    chain = chain.then(drawAll).catch(() => {}); // the text of the diagram stays readable
  };

  const start = (): void => {
    const page = (window as unknown as { document$?: { subscribe(call: () => void): unknown } }).document$;
    if (page) page.subscribe(draw);
    else draw();
    new MutationObserver(draw).observe(document.body, { attributes: true, attributeFilter: ["data-md-color-scheme"] });
  };
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", start);
  else start();
})();
