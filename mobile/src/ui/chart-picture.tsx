/** The day's price, drawn. Nothing in it is told by colour alone: the stop is dashed, marks have a shape and a word. */
import { symbol, symbolTriangle } from "d3-shape";
import { memo, useMemo, useState } from "react";
import { StyleSheet, View } from "react-native";
import Svg, { Circle, G, Line, Path, Text as Words } from "react-native-svg";

import { draw, type Candle, type Drawing, type Executed, type Frame, type Point } from "@/rules/chart";
import { istTime } from "@/rules/clock";
import { showRupees, showScale } from "@/rules/money";
import { useWords } from "@/words";

import { useAppTheme, useTextScale } from "./theme";

const HEIGHT = 220;
const LETTER = 11;
/** How wide a letter is on average, of its height. */
const LETTER_WIDTH = 0.6;
const GAP = 6;
const TRIANGLE = symbol(symbolTriangle, 70)() ?? "";
const TRIANGLE_HEIGHT = 7;

interface Shown {
  readonly candles: readonly Candle[];
  readonly points: readonly Point[];
  readonly stop: number;
  readonly executed: readonly Executed[];
  /** The same in words. */
  readonly told: string;
}

export function ChartPicture({ told, ...shown }: Shown) {
  const [width, setWidth] = useState(0);
  const height = HEIGHT * useTextScale();
  return (
    // As high as it will be before its width is known, so that nothing jumps.
    <View
      role="img"
      accessible
      aria-label={told}
      accessibilityLabel={told}
      style={[styles.whole, { height }]}
      onLayout={({ nativeEvent }) => setWidth(Math.floor(nativeEvent.layout.width))}
      testID="day-chart"
    >
      {width === 0 ? null : <Drawn {...shown} width={width} height={height} />}
    </View>
  );
}

const Drawn = memo(function Drawn({ candles, points, stop, executed, width, height }: Omit<Shown, "told"> & { width: number; height: number }) {
  const { colors } = useAppTheme();
  const words = useWords().chart;
  const letter = LETTER * useTextScale();
  const drawing = useMemo(() => {
    const others = [stop, ...executed.map(({ price }) => price)];
    const widest = showRupees(Math.max(...points.map(({ price }) => price))).length;
    const frame: Frame = { width, height, top: GAP, right: widest * letter * LETTER_WIDTH + GAP, bottom: letter + 2 * GAP };
    return draw(candles, points, others, frame, Math.max(2, Math.floor(width / (letter * 8))));
  }, [candles, points, stop, executed, width, height, letter]);
  const end = points[points.length - 1] as Point;
  return (
    <Svg width={width} height={height} aria-hidden>
      <Axes drawing={drawing} width={width} height={height} letter={letter} />
      <Path d={drawing.ranges} fill="none" stroke={colors.primary} strokeOpacity={0.25} strokeWidth={drawing.rangeWidth} />
      <Path d={drawing.line} fill="none" stroke={colors.primary} strokeWidth={2} strokeLinejoin="round" />
      <Circle cx={drawing.x(end.at)} cy={drawing.y(end.price)} r={3.5} fill={colors.primary} testID="chart-last" />
      <G testID="chart-stop">
        <Line x1={0} x2={width} y1={drawing.y(stop)} y2={drawing.y(stop)} stroke={colors.bad} strokeWidth={1.5} strokeDasharray="6 4" />
        <Label x={2} y={drawing.y(stop) - GAP} anchor="start" letter={letter} color={colors.bad}>
          {words.stop(showRupees(stop))}
        </Label>
      </G>
      {executed.map((one) => (
        <Mark key={`${one.side} ${one.at}`} one={one} drawing={drawing} letter={letter} width={width} />
      ))}
    </Svg>
  );
});

function Axes({ drawing, width, height, letter }: { drawing: Drawing; width: number; height: number; letter: number }) {
  const { colors } = useAppTheme();
  const isFine = drawing.prices.some((price) => !Number.isInteger(price));
  return (
    <G>
      {drawing.prices.map((price) => (
        <G key={price}>
          <Line x1={0} x2={width} y1={drawing.y(price)} y2={drawing.y(price)} stroke={colors.outlineVariant} strokeWidth={1} />
          <Label x={width} y={drawing.y(price) - 3} anchor="end" letter={letter} color={colors.onSurfaceVariant}>
            {showScale(price, isFine)}
          </Label>
        </G>
      ))}
      {drawing.times.map((at) => (
        <Label key={at} x={drawing.x(at)} y={height - GAP} anchor={anchorOf(drawing.x(at), width, letter)} letter={letter} color={colors.onSurfaceVariant}>
          {istTime(at).slice(0, 5)}
        </Label>
      ))}
    </G>
  );
}

/** Its point touches the price: from below where it was bought, from above where it was sold. */
function Mark({ one, drawing, letter, width }: { one: Executed; drawing: Drawing; letter: number; width: number }) {
  const { colors } = useAppTheme();
  const words = useWords().chart;
  const [x, y] = [drawing.x(Date.parse(one.at)), drawing.y(one.price)];
  // What was executed before anything was seen has no place here; it is told in words.
  if (x < 0 || x > width) return null;
  const isBuy = one.side === "BUY";
  const color = isBuy ? colors.good : colors.onSurface;
  return (
    <G testID={`chart-${one.side}`}>
      <Path d={TRIANGLE} fill={color} transform={`translate(${x} ${y + (isBuy ? TRIANGLE_HEIGHT : -TRIANGLE_HEIGHT)})${isBuy ? "" : " rotate(180)"}`} />
      <Label x={x} y={isBuy ? y + 2 * TRIANGLE_HEIGHT + letter : y - 2 * TRIANGLE_HEIGHT} anchor={anchorOf(x, width, letter)} letter={letter} color={color} isBold>
        {words.sides[one.side]}
      </Label>
    </G>
  );
}

/** With a rim of the ground's colour, so that it stays readable across a line. */
function Label({ x, y, anchor, letter, color, isBold = false, children }: { x: number; y: number; anchor: "start" | "middle" | "end"; letter: number; color: string; isBold?: boolean; children: string }) {
  const { colors, fonts } = useAppTheme();
  const common = { x, y, textAnchor: anchor, fontSize: letter, fontFamily: fonts.bodySmall.fontFamily, fontWeight: isBold ? "700" : "400" } as const;
  return (
    <>
      <Words {...common} fill={colors.surface} stroke={colors.surface} strokeWidth={3} strokeLinejoin="round">
        {children}
      </Words>
      <Words {...common} fill={color}>
        {children}
      </Words>
    </>
  );
}

/** Words near an edge begin or end there. */
function anchorOf(x: number, width: number, letter: number): "start" | "middle" | "end" {
  const half = 2.5 * letter * LETTER_WIDTH;
  return x < half ? "start" : x > width - half ? "end" : "middle";
}

const styles = StyleSheet.create({ whole: { width: "100%", overflow: "hidden" } });
