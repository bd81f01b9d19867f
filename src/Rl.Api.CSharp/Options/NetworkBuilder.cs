using System;
using System.Collections.Generic;
using Rl.Core.Acting;

namespace Rl;

/// <summary>Puts layers together, first to last; see <see cref="Network.Of"/>. What a layer takes follows from what
/// stands before it, and from the observations; where it does not fit, making the agent fails and names the
/// layer.</summary>
public sealed class NetworkBuilder
{
    private readonly List<(string Part, IReadOnlyList<LayerDesign> Layers)> branches = [];
    private readonly List<LayerDesign> layers = [];
    private readonly bool mayBranch;

    private NetworkBuilder(bool mayBranch)
    {
        this.mayBranch = mayBranch;
    }

    /// <summary>Layers for a part of a dictionary or tuple. What branches give stands one after the other, in their
    /// order, before the layers that follow; each part goes to one branch, which may have no layers.</summary>
    /// <param name="part">The part's path, as <see cref="Space.Layout"/> has it: a name, an index, or several joined by
    /// dots; a dictionary within takes all of its parts, as one vector.</param>
    /// <param name="layers">Adds the branch's layers.</param>
    /// <exception cref="InvalidOperationException">It is called within a branch or after a layer.</exception>
    public NetworkBuilder Branch(string part, Action<NetworkBuilder> layers)
    {
        ArgumentNullException.ThrowIfNull(part);
        ArgumentNullException.ThrowIfNull(layers);
        if (!mayBranch || this.layers.Count > 0)
        {
            throw new InvalidOperationException(
                $"Branch(\"{part}\") stands within a branch or after a layer; branches come first, before the layers "
                + "on what they give.");
        }

        branches.Add((part, Inner(layers)));
        return this;
    }

    /// <summary>A part of a dictionary or tuple as it is, beside what other branches give.</summary>
    /// <param name="part">The part's path.</param>
    /// <exception cref="InvalidOperationException">It is called within a branch or after a layer.</exception>
    public NetworkBuilder Branch(string part) => Branch(part, _ => { });

    /// <summary>A dense layer: activation(x W + b).</summary>
    /// <param name="units">Its width, in [1, 65536].</param>
    /// <param name="activation">What follows it.</param>
    public NetworkBuilder Dense(int units, Activation activation = Activation.Relu) =>
        Add(LayerDesign.NewDense(units, Convert.ToCore(activation)));

    /// <summary>A dense layer with nothing after it: x W + b, as residual layers end with.</summary>
    /// <param name="units">Its width, in [1, 65536].</param>
    public NetworkBuilder Linear(int units) =>
        Add(LayerDesign.NewDense(units, Core.Networks.Activation.Identity));

    /// <summary>A convolution of an image of shape [channels, height, width], the same kernel at each place.</summary>
    /// <param name="channels">Output channels, in [1, 65536].</param>
    /// <param name="kernel">The side of the square window. At least 1.</param>
    /// <param name="stride">The distance between windows. At least 1.</param>
    /// <param name="padding">Rows and columns of zeros around the image. At least 0, less than the kernel.</param>
    /// <param name="activation">What follows it.</param>
    public NetworkBuilder Convolution(
        int channels, int kernel, int stride = 1, int padding = 0, Activation activation = Activation.Relu) =>
        Add(LayerDesign.NewConvolution(channels, kernel, stride, padding, Convert.ToCore(activation)));

    /// <summary>An image as a vector, for dense layers to follow.</summary>
    public NetworkBuilder Flatten() => Add(LayerDesign.Flatten);

    /// <summary>Mean 0 and variance 1 over a vector, or over the channels at each place of an image, with a learned
    /// scale and shift (Ba, Kiros and Hinton 2016).</summary>
    public NetworkBuilder LayerNormalisation() => Add(LayerDesign.LayerNormalisation);

    /// <summary>x + f(x): layers whose result is added to what they take, which must have the same shape.</summary>
    /// <param name="layers">Adds the layers f.</param>
    public NetworkBuilder Residual(Action<NetworkBuilder> layers)
    {
        ArgumentNullException.ThrowIfNull(layers);
        return Add(LayerDesign.NewResidual(Convert.ToCoreList(Inner(layers))));
    }

    internal static PathDesign Path(Action<NetworkBuilder> layers, string argument)
    {
        ArgumentNullException.ThrowIfNull(layers, argument);
        var builder = new NetworkBuilder(mayBranch: true);
        layers(builder);
        return Convert.Path(builder.branches, builder.layers);
    }

    private static List<LayerDesign> Inner(Action<NetworkBuilder> layers)
    {
        var inner = new NetworkBuilder(mayBranch: false);
        layers(inner);
        return inner.layers;
    }

    private NetworkBuilder Add(LayerDesign layer)
    {
        layers.Add(layer);
        return this;
    }
}
