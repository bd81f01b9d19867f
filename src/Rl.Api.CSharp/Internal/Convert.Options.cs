using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.FSharp.Collections;
using Microsoft.FSharp.Core;
using Rl.Core.Acting;
using Rl.Core.Algorithms;
using Rl.Core.Learning;
using Rl.Core.Networks;

namespace Rl.Internal;

/// <content>Values of options, and the algorithms that have them.</content>
internal static partial class Convert
{
    private static readonly (Activation Facade, Rl.Core.Networks.Activation Core)[] Activations =
    [
        (Activation.Tanh, Rl.Core.Networks.Activation.Tanh),
        (Activation.Relu, Rl.Core.Networks.Activation.Relu),
        (Activation.Elu, Rl.Core.Networks.Activation.Elu),
        (Activation.Gelu, Rl.Core.Networks.Activation.Gelu),
        (Activation.Silu, Rl.Core.Networks.Activation.Silu),
    ];

    private static readonly (Recurrence Facade, RecurrentCell Core)[] Cells =
    [
        (Recurrence.Tanh, RecurrentCell.Tanh),
        (Recurrence.Gru, RecurrentCell.Gru),
        (Recurrence.Lstm, RecurrentCell.Lstm),
    ];

    public static ValueList<int> OfCore(FSharpList<int> items) => ValueList<int>.Of(items, nameof(items));

    public static FSharpList<int> ToCore(IReadOnlyList<int> items) => ListModule.OfSeq(items);

    public static Activation OfCore(Rl.Core.Networks.Activation activation) =>
        Activations.First(known => known.Core.Equals(activation)).Facade;

    public static Rl.Core.Networks.Activation ToCore(Activation activation) =>
        Known(Activations, activation, nameof(activation));

    public static Recurrence OfCore(FSharpOption<RecurrentCell>? cell) =>
        cell is null ? Recurrence.None : Cells.First(known => known.Core.Equals(cell.Value)).Facade;

    public static FSharpOption<RecurrentCell>? ToCore(Recurrence recurrence) =>
        recurrence == Recurrence.None
            ? null
            : FSharpOption<RecurrentCell>.Some(Known(Cells, recurrence, nameof(recurrence)));

    public static Convolutions OfCore(Rl.Core.Acting.Convolutions convolutions) =>
        convolutions is Rl.Core.Acting.Convolutions.Layers layers
            ? Convolutions.Of(layers.Item.Select(layer => new ConvolutionLayer(layer.Item1, layer.Item2, layer.Item3)))
            : Convolutions.Automatic;

    public static Rl.Core.Acting.Convolutions ToCore(Convolutions convolutions)
    {
        if (convolutions is null)
        {
            throw new ArgumentNullException(
                nameof(convolutions), "Convolutions is null; use Convolutions.Automatic, None or layers of your own.");
        }

        return convolutions.Layers is null
            ? Rl.Core.Acting.Convolutions.Automatic
            : Rl.Core.Acting.Convolutions.NewLayers(
                ListModule.OfSeq(
                    convolutions.Layers.Select(
                        layer => System.Tuple.Create(layer.Channels, layer.Kernel, layer.Stride))));
    }

    public static Schedule OfCore(RateSchedule schedule) => new(schedule);

    public static RateSchedule ToCore(Schedule schedule, string name) =>
        schedule?.Core ?? throw new ArgumentNullException(
            name, $"{name} is null; use a number such as 3e-4 or a schedule such as Schedule.Linear(3e-4, 0).");

    public static RateSchedule Piecewise(double initial, IEnumerable<(double Share, double Value)> from) =>
        RateSchedule.NewPiecewise(
            initial, ListModule.OfSeq(from.Select(part => System.Tuple.Create(part.Share, part.Value))));

    public static Network OfCore(NetworkDesign design) =>
        design.IsAutomatic ? Network.Automatic : new(design);

    public static NetworkDesign ToCore(Network network, string name) =>
        network?.Core ?? throw new ArgumentNullException(
            name, $"{name} is null; use Network.Automatic, or Network.Of for layers of your own.");

    public static FSharpList<LayerDesign> ToCoreList(IEnumerable<LayerDesign> layers) => ListModule.OfSeq(layers);

    public static PathDesign Path(
        IEnumerable<(string Part, IReadOnlyList<LayerDesign> Layers)> branches, IEnumerable<LayerDesign> layers) =>
        new(
            ListModule.OfSeq(branches.Select(branch => System.Tuple.Create(branch.Part, ToCoreList(branch.Layers)))),
            ToCoreList(layers));

    public static Convolutions ParseConvolutions(string name, string text) =>
        OfCore(ConvolutionLayers.parse(name, text));

    public static string Text(Convolutions convolutions) => ConvolutionLayers.print(ToCore(convolutions));

    /// <summary>The algorithms of the library.</summary>
    public static IReadOnlyList<AlgorithmDescription> Algorithms() =>
        Array.AsReadOnly(Catalogue.entries.Select(entry => Describe(entry)).ToArray());

    public static AlgorithmDescription Describe(AlgorithmEntry entry) => new(
        entry.Id,
        entry.Name,
        entry.Summary,
        entry.Source,
        OptionRecords.Defaults(entry.Id) ?? new RegisteredOptions(entry, []),
        Options(entry))
    {
        NeedsData = entry.NeedsData,
        NeedsEnvironment = entry.NeedsEnvironment,
        NeedsExpert = entry.NeedsExpert,
        Plans = entry.Plans is not null,
    };

    private static System.Collections.ObjectModel.ReadOnlyCollection<AlgorithmOption> Options(AlgorithmEntry entry) =>
        Array.AsReadOnly(entry.Options.Select(option => new AlgorithmOption(
            option.Name,
            option.Default,
            OptionKindModule.range(option.Kind),
            option.Meaning.Length > 0 ? option.Meaning : OptionRecords.Meaning(option.Owner, option.Name))).ToArray());

    /// <summary>The core's value for one of ours.</summary>
    private static TCore Known<TFacade, TCore>((TFacade Facade, TCore Core)[] known, TFacade value, string name)
        where TFacade : struct, Enum
        where TCore : class =>
        known.FirstOrDefault(pair => pair.Facade.Equals(value)).Core
            ?? throw new ArgumentOutOfRangeException(
                name, value, $"{typeof(TFacade).Name} is {value}; it must be one of its names.");
}
