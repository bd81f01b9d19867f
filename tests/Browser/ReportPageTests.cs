using System;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using PuppeteerSharp;
using Rl.Cli;
using Xunit;

namespace Rl.Tests.Browser;

/// <summary>The page of <c>rl report</c> in a browser: what a hand on a mouse, a finger and a keyboard find.</summary>
public sealed class ReportPageTests(ChromiumFixture chromium) : IClassFixture<ChromiumFixture>, IDisposable
{
    private const int Updates = 60;
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Hovering_shows_the_numbers_of_the_run()
    {
        MadeRun.Write(folder.File("run"), [.. Enumerable.Range(0, Updates).Select(update => new[] { Return(update) })]);
        await using var page = await chromium.Open(Report("--smooth", "1"));
        foreach (var share in new[] { 0.2, 0.5, 0.9 })
        {
            var (steps, value) = await Hover(page, 0, share);
            Assert.InRange(steps, (share - .1) * Updates * 100, (share + .1) * Updates * 100);
            Assert.Equal(Return((steps / MadeRun.StepsOfUpdate) - 1), value, 4);
        }

        await NothingHappenedBeside(page);
    }

    [Fact]
    public async Task A_single_update_is_a_point()
    {
        MadeRun.Write(folder.File("run"), [[12.0]]);
        await using var page = await chromium.Open(Report());
        const string Seen = "(chart => [...chart.querySelectorAll('.point.of-mean')].map(point => "
            + "[point.getBoundingClientRect(), chart.querySelector('svg').getBoundingClientRect()])"
            + ".filter(([point, plot]) => point.width > 4 && point.left >= plot.left && point.right <= plot.right"
            + " && point.top >= plot.top && point.bottom <= plot.bottom).length)"
            + "(document.querySelector('.chart'))";
        Assert.Equal(1, await page.Of<int>(Seen));
        await NothingHappenedBeside(page);
    }

    [Fact]
    public async Task Lines_have_no_points_and_numbers_between_gaps_have()
    {
        MadeRun.Write(
            folder.File("run"), [.. Enumerable.Range(0, 6).Select(update => new[] { Return(update) })],
            loss: update => update is 2 or 4 ? "NaN" : "0.5");
        await using var page = await chromium.Open(Report());
        const string Points = "[...document.querySelectorAll('.chart')].map(chart => "
            + "`${chart.querySelector('.title').textContent}: ${chart.querySelectorAll('.of-mean').length}`).join()";
        var points = await page.Of<string>(Points);
        Assert.StartsWith("Episode return: 0,", points, StringComparison.Ordinal);
        Assert.Contains("Policy loss: 2", points, StringComparison.Ordinal);
        await NothingHappenedBeside(page);
    }

    [Fact]
    public async Task Hovering_over_several_seeds_shows_their_mean_its_error_and_each_of_them()
    {
        for (var seed = 1; seed <= 3; seed++)
        {
            var level = 10.0 * seed;
            MadeRun.Write(
                folder.File($"run{seed}"), [.. Enumerable.Repeat(new[] { level }, Updates)], seed: (ulong)seed);
        }

        await using var page = await chromium.Open(Report("--smooth", "1"));
        Assert.Equal(20, (await Hover(page, 0, .5)).Value, 4);
        var shown = await page.Of<string>("document.querySelector('.tip:not([hidden])').innerText");

        // The standard error of 10, 20 and 30: 10 / √3.
        Assert.Contains("20 ± 5.7735", shown, StringComparison.Ordinal);
        Assert.Contains("seed 3", shown, StringComparison.Ordinal);
        Assert.Equal(1, await page.Of<int>("document.querySelectorAll('.chart')[0].querySelectorAll('.band').length"));
        await NothingHappenedBeside(page);
    }

    [Fact]
    public async Task Dragging_zooms_all_charts_and_a_double_click_shows_all_again()
    {
        MadeRun.Write(folder.File("run"), [.. Enumerable.Range(0, Updates).Select(update => new[] { Return(update) })]);
        await using var page = await chromium.Open(Report());
        const string LastTick = "[...document.querySelectorAll('.chart')].slice(0, 2).map(chart => "
            + "[...chart.querySelectorAll('text[text-anchor=middle]')].at(-1).textContent).join()";
        Assert.Equal("6000,6000", await page.Of<string>(LastTick));
        var box = await Box(page, 0);
        await page.Page.Mouse.MoveAsync(box.At(.1), box.Middle);
        await page.Page.Mouse.DownAsync();
        await page.Page.Mouse.MoveAsync(box.At(.4), box.Middle);
        await page.Page.Mouse.UpAsync();
        var zoomed = await page.Of<string>(LastTick);
        Assert.DoesNotContain("6000", zoomed, StringComparison.Ordinal);
        var (steps, value) = await Hover(page, 0, .5);
        Assert.InRange(steps, 600, 2_400);
        Assert.Equal(Mean(steps), value, 3);
        await page.Page.Mouse.ClickAsync(box.At(.5), box.Middle, new() { Count = 2 });
        Assert.Equal("6000,6000", await page.Of<string>(LastTick));
        await NothingHappenedBeside(page);
    }

    [Fact]
    public async Task A_press_in_the_legend_takes_a_group_out_of_all_charts_and_brings_it_back()
    {
        double[][] returns = [.. Enumerable.Range(0, Updates).Select(update => new[] { Return(update) })];
        MadeRun.Write(folder.File("a"), returns, "ppo");
        MadeRun.Write(folder.File("b"), returns, "a2c");
        await using var page = await chromium.Open(Report());
        const string Lines = "document.querySelectorAll('.chart .mean').length";
        var all = await page.Of<int>(Lines);
        Assert.True(all >= 6);
        await page.Page.ClickAsync(".legend button");
        Assert.Equal(all / 2, await page.Of<int>(Lines));
        Assert.Equal("false", await page.Of<string>("document.querySelector('.legend button').ariaPressed"));
        await page.Page.ClickAsync(".legend button");
        Assert.Equal(all, await page.Of<int>(Lines));
        await NothingHappenedBeside(page);
    }

    [Fact]
    public async Task Names_and_options_that_are_scripts_are_shown_and_never_run()
    {
        const string Script = "<img src=x onerror=window.taken=1>";
        const string Closing = "</script><script>window.taken=1</script><!--";
        MadeRun.Write(
            folder.File(OperatingSystem.IsWindows() ? "run" : Script), [[1.0], [2.0]], Closing, environment: Closing,
            options: [("LearningRate", Closing), (Script, "\u202Ereversed")]);
        MadeRun.Write(folder.File("b"), [[1.0], [2.0]], Script, environment: Closing);
        await using var page = await chromium.Open(Report("--without-animation"));
        Assert.False(await page.Of<bool>("'taken' in window"));
        Assert.Equal(0, await page.Of<int>("document.querySelectorAll('img').length"));
        Assert.Equal(2, await page.Of<int>("document.scripts.length"));
        var text = await page.Of<string>("document.body.innerText");
        Assert.Contains(Script, text, StringComparison.Ordinal);
        Assert.Contains(Closing, text, StringComparison.Ordinal);
        Assert.DoesNotContain("\u202E", text, StringComparison.Ordinal);
        await NothingHappenedBeside(page);
    }

    [Fact]
    public async Task On_a_phone_nothing_is_wider_than_the_screen_and_a_finger_finds_the_numbers()
    {
        MadeRun.Write(
            folder.File("a-run-with-a-name-that-is-longer-than-a-phone-is-wide"),
            [.. Enumerable.Range(0, Updates).Select(update => new[] { Return(update) })]);
        await using var page = await chromium.Open(Report("--smooth", "1"), 360, 740, isPhone: true);
        Assert.Equal(360, await page.Of<int>("document.documentElement.scrollWidth"));
        await page.Of<object>("document.querySelector('.chart').scrollIntoView()");
        var box = await Box(page, 0);
        await page.Page.Touchscreen.TapAsync(box.At(.5), box.Middle);
        var (steps, value) = await Tip(page);
        Assert.Equal(Return((steps / MadeRun.StepsOfUpdate) - 1), value, 4);
        Assert.True(await page.Of<bool>(
            "(box => box.left >= 0 && box.right <= 360)"
                + "(document.querySelector('.tip:not([hidden])').getBoundingClientRect())"));
        await NothingHappenedBeside(page);
    }

    [Fact]
    public async Task Keys_read_the_curves_too()
    {
        MadeRun.Write(folder.File("run"), [.. Enumerable.Range(0, Updates).Select(update => new[] { Return(update) })]);
        await using var page = await chromium.Open(Report("--smooth", "1"));
        await page.Page.FocusAsync(".chart svg");
        await page.Page.Keyboard.PressAsync("End");
        Assert.Equal((Updates * 100, Return(Updates - 1)), await Tip(page));
        await page.Page.Keyboard.PressAsync("ArrowLeft");
        var (steps, value) = await Tip(page);
        Assert.InRange(steps, 5_700, 5_900);
        Assert.Equal(Return((steps / MadeRun.StepsOfUpdate) - 1), value, 4);
        Assert.Contains(
            "6,000 steps", await page.Of<string>("document.querySelector('.chart svg').ariaLabel"),
            StringComparison.Ordinal);
    }

    private static double Return(int update) => (update * update % 37) + 0.25;

    /// <summary>The mean of all episodes so far; there are fewer than 100.</summary>
    private static double Mean(int steps) => Enumerable.Range(0, steps / MadeRun.StepsOfUpdate).Average(Return);

    private string Report(params string[] arguments)
    {
        var path = Path.Combine(folder.Path, "report.html");
        var error = new StringWriter();
        var code = CommandLine.Run(
            ["report", folder.Path, "--output", path, .. arguments], new(new StringWriter(), error, false),
            CancellationToken.None);
        Assert.Equal((0, ""), (code, error.ToString()));
        return new Uri(path).AbsoluteUri;
    }

    /// <summary>No error in the console, and nothing asked of the network but the page itself.</summary>
    private static async Task NothingHappenedBeside(ObservedPage page)
    {
        await page.Of<int>("new Promise(done => setTimeout(() => done(0), 50))");
        Assert.Empty(page.Errors);
        Assert.Equal([page.Page.Url], page.Requests);
    }

    /// <summary>Moves the mouse over a chart and reads what it shows first.</summary>
    private static async Task<(int Steps, double Value)> Hover(ObservedPage page, int chart, double share)
    {
        var box = await Box(page, chart);
        await page.Page.Mouse.MoveAsync(box.At(share), box.Middle);
        return await Tip(page);
    }

    private static async Task<(int Steps, double Value)> Tip(ObservedPage page)
    {
        await page.Until("document.querySelector('.tip:not([hidden])') !== null");
        var steps = await page.Of<string>("document.querySelector('.tip:not([hidden]) .at').textContent");
        var value = await page.Of<string>("document.querySelector('.tip:not([hidden]) .value').textContent");
        return (
            int.Parse(steps.Split(' ')[0], NumberStyles.AllowThousands, CultureInfo.InvariantCulture),
            double.Parse(value.Split(' ')[0], CultureInfo.InvariantCulture));
    }

    /// <summary>The axes of a chart within the window.</summary>
    private static async Task<Axes> Box(ObservedPage page, int chart)
    {
        var sides = await page.Of<decimal[]>(
            $"(box => [box.left, box.top, box.width, box.height])(document.querySelectorAll('.chart')[{chart}]"
                + ".querySelector('.axis').getBoundingClientRect())");
        return new((double)sides[0], (double)sides[1], (double)sides[2]);
    }

    /// <summary>The axis of steps: its left end, its height on the screen, and its length.</summary>
    private sealed record Axes(double Left, double Bottom, double Width)
    {
        public decimal Middle => (decimal)(Bottom - 100);

        public decimal At(double share) => (decimal)(Left + (share * Width));
    }
}
