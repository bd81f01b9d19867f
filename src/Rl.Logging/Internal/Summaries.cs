using System;

namespace Rl.Logging.Internal;

/// <summary>The values of TensorBoard's summaries: numbers, histograms, pictures, texts, and what its plugins
/// keep.</summary>
internal static class Summaries
{
    private const int Value = 1;
    private const int Tag = 1;
    private const int Float32 = 1;
    private const int Text = 7;

    /// <summary>That a value is a tensor, in the classes of data that TensorBoard knows.</summary>
    private const int TensorClass = 2;

    public static void Scalar(this MessageWriter summary, string tag, double number) =>
        summary.TextAndFloat(Value, tag, (float)number);

    public static void Histogram(this MessageWriter summary, string tag, Histogram histogram) =>
        summary.Message(Value, value =>
        {
            value.Text(Tag, tag);
            value.Message(5, message =>
            {
                message.Double(1, histogram.Least);
                message.Double(2, histogram.Greatest);
                message.Double(3, histogram.Count);
                message.Double(4, histogram.Sum);
                message.Double(5, histogram.SumOfSquares);
                message.Doubles(6, histogram.Limits);
                message.Doubles(7, histogram.Counts);
            });
        });

    public static void Picture(this MessageWriter summary, string tag, PictureFile picture) =>
        summary.Message(Value, value =>
        {
            value.Text(Tag, tag);
            value.Message(4, message =>
            {
                message.Integer(1, picture.Height);
                message.Integer(2, picture.Width);
                message.Integer(3, PictureFile.Channels);
                message.Bytes(4, picture.Bytes);
            });
        });

    /// <summary>A text in Markdown.</summary>
    public static void Markdown(this MessageWriter summary, string tag, string text) =>
        summary.Message(Value, value =>
        {
            value.Text(Tag, tag);
            value.Plugin("text", _ => { });
            value.Message(8, tensor =>
            {
                tensor.Integer(1, Text);
                tensor.Shape(1);
                tensor.Text(8, text);
            });
        });

    /// <summary>What a plugin keeps beside an empty tensor.</summary>
    public static void PluginData(this MessageWriter summary, string tag, string plugin, Action<MessageWriter> data) =>
        summary.Message(Value, value =>
        {
            value.Text(Tag, tag);
            value.Plugin(plugin, data);
            value.Message(8, tensor =>
            {
                tensor.Integer(1, Float32);
                tensor.Shape(0);
            });
        });

    private static void Plugin(this MessageWriter value, string plugin, Action<MessageWriter> data) =>
        value.Message(9, metadata =>
        {
            metadata.Message(1, content =>
            {
                content.Text(1, plugin);
                content.Message(2, data);
            });
            metadata.Integer(4, TensorClass);
        });

    /// <summary>A tensor of one dimension.</summary>
    private static void Shape(this MessageWriter tensor, int size) =>
        tensor.Message(2, shape => shape.Message(2, dimension => dimension.Integer(1, size)));
}
