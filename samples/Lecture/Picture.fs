/// The one style that every slide draws in.
namespace Lecture

open System
open System.IO
open ScottPlot
open SkiaSharp

/// Colours that colour-blind readers can tell apart (Okabe and Ito).
[<RequireQualifiedAccess>]
module Ink =
    let blue = "#0072b2"
    let orange = "#d55e00"
    let green = "#009e73"
    let purple = "#aa4499"
    let yellow = "#e69f00"
    let grey = "#888888"
    let black = "#222222"

/// A plot with its lines, points and bands, saved as PNG.
[<RequireQualifiedAccess>]
module Picture =

    let private preferredFonts =
        [ "Inter"; "Segoe UI"; "Helvetica Neue"; "Arial"; "Liberation Sans"; "Noto Sans"; "DejaVu Sans" ]

    /// The first preferred font that this machine has.
    let private font =
        let installed = set SKFontManager.Default.FontFamilies
        preferredFonts |> List.tryFind installed.Contains

    let create (title: string) (xLabel: string) (yLabel: string) : Plot =
        let plot = new Plot()
        plot.Title(title, 19f)
        plot.XLabel(xLabel, 16f)
        plot.YLabel(yLabel, 16f)
        plot.Axes.Bottom.TickLabelStyle.FontSize <- 14f
        plot.Axes.Left.TickLabelStyle.FontSize <- 14f
        plot.Grid.MajorLineColor <- Colors.Black.WithAlpha 0.08
        plot.Axes.Right.FrameLineStyle.Width <- 0f
        plot.Axes.Top.FrameLineStyle.Width <- 0f
        plot.Axes.Left.MinimumSize <- 86f
        plot.Axes.Right.MinimumSize <- 30f
        plot

    let private shade (colour: string) (opacity: float) = (Color.FromHex colour).WithAlpha opacity

    let private draw (plot: Plot) (label: string) (colour: Color) (width: float) pattern (xs: float[]) (ys: float[]) =
        let line = plot.Add.ScatterLine(xs, ys)
        line.Color <- colour
        line.LineWidth <- float32 width
        line.LinePattern <- pattern
        line.LegendText <- label

    /// A line; an empty label keeps it out of the legend.
    let line (plot: Plot) label colour width xs ys = draw plot label (shade colour 1.0) width LinePattern.Solid xs ys

    /// A dashed line.
    let dashed (plot: Plot) label colour width xs ys = draw plot label (shade colour 1.0) width LinePattern.Dashed xs ys

    /// A faint line.
    let faint (plot: Plot) label colour xs ys = draw plot label (shade colour 0.45) 1.5 LinePattern.Solid xs ys

    /// Points of a size and an opacity.
    let points (plot: Plot) (label: string) colour (size: float) (opacity: float) (xs: float[]) (ys: float[]) =
        let points = plot.Add.ScatterPoints(xs, ys)
        points.Color <- shade colour opacity
        points.MarkerSize <- float32 size
        points.LegendText <- label

    /// Upright bars of ± error round points.
    let errors (plot: Plot) colour (xs: float[]) (ys: float[]) (errors: float[]) =
        for index in 0 .. xs.Length - 1 do
            let low, high = ys[index] - errors[index], ys[index] + errors[index]
            line plot "" colour 2.0 [| xs[index]; xs[index] |] [| low; high |]

    /// A shaded band between two curves.
    let band (plot: Plot) (label: string) colour (xs: float[]) (low: float[]) (high: float[]) =
        let fill = plot.Add.FillY(xs, low, high)
        fill.FillColor <- shade colour 0.15
        fill.LineWidth <- 0f
        fill.MarkerSize <- 0f
        fill.LegendText <- label

    /// Bars at 0, 1, 2 … with a number above and a name below each; names may have two lines.
    let bars (plot: Plot) (label: string) colour (names: string[]) (texts: string[]) (values: float[]) =
        let places = Array.init values.Length float
        let bars = plot.Add.Bars(places, values)
        bars.Color <- shade colour 0.75
        bars.LegendText <- label
        bars.ValueLabelStyle.FontSize <- 14f

        bars.Bars
        |> Seq.iteri (fun index bar ->
            bar.Label <- texts[index]
            bar.LabelOffset <- 14f)

        plot.Axes.Bottom.SetTicks(places, names)
        plot.Axes.Bottom.MinimumSize <- 66f

    /// 1 … count, at most 250 of them, evenly spaced on a logarithmic axis.
    let logarithmically (count: int) : int[] =
        Array.init 250 (fun index -> int (round (float count ** (float index / 249.0)))) |> Array.distinct

    let private powersOfTen (mostPlain: float) =
        let ticks = TickGenerators.NumericAutomatic()
        ticks.IntegerTicksOnly <- true
        ticks.MinorTickGenerator <- TickGenerators.LogMinorTickGenerator()

        let label (power: float) =
            if power >= 0.0 && power <= mostPlain then
                (10.0 ** power).ToString "#,0"
            else
                "1e" + power.ToString "0"

        ticks.LabelFormatter <- Func<float, string>(label)
        ticks

    /// Says that the x axis holds log₁₀ of what it is labelled with.
    let logarithmicX (plot: Plot) = plot.Axes.Bottom.TickGenerator <- powersOfTen 5.0
    /// Says that the y axis holds log₁₀ of what it is labelled with.
    let logarithmicY (plot: Plot) = plot.Axes.Left.TickGenerator <- powersOfTen 2.0

    /// Writes folder/name.png and says so.
    let save (setting: Setting) (name: string) (plot: Plot) =
        plot.Axes.Margins(0.01, 0.01, 0.04, 0.1)
        let legend = plot.ShowLegend(Edge.Bottom).Legend
        legend.Orientation <- Orientation.Horizontal
        legend.OutlineWidth <- 0f
        legend.ShadowColor <- Colors.Transparent
        legend.FontSize <- 14f
        font |> Option.iter (fun name -> plot.Font.Set name |> ignore)
        Directory.CreateDirectory setting.Folder |> ignore
        let path = Path.Combine(setting.Folder, name + ".png")
        plot.SavePng(path, 1000, 600) |> ignore
        printfn $"picture: {path}"
        (plot :> IDisposable).Dispose()
