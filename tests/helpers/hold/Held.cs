// A program of .NET 4.0 to 4.5: what it set for all of its connections is what the check finds.
public static class Held
{
    public static int Main(string[] arguments)
    {
        System.Net.ServicePointManager.SecurityProtocol = System.Net.SecurityProtocolType.Tls;
        return Sundown.Program.Main(arguments);
    }
}
